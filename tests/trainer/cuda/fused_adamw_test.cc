#include "trainer/cuda/fused_adamw.h"

#include "gtest/gtest.h"

#include "tests/support/host_kernels.h"

namespace atelier::trainer {
namespace {

using testing::HostKernels;

// A library whose kernel fails.
CudaApi FailingKernels() {
  CudaApi api = HostKernels();
  api.error_text = [](int) { return "an illegal memory access"; };
  api.adamw = [](int, const CudaAdamWTensor*, int64_t, void*) { return 700; };
  return api;
}

FusedAdamWItem ItemOf(const Tensor& weight, const Tensor& grad) {
  return {weight, torch::zeros_like(weight), torch::zeros_like(weight), grad,
          MakeAdamWFactors(1e-2, 0.9, 0.999, 1e-8, 0.01, 1)};
}

TEST(FusedAdamWTest, EveryOrderAndTypeOfGradientGivesTheSameUpdate) {
  const Tensor start = torch::rand({3, 4});
  const Tensor grad = torch::rand({3, 4}).to(torch::kBFloat16);
  std::vector<FusedAdamWItem> items = {
      ItemOf(start.clone(), grad.to(torch::kFloat32)),
      ItemOf(start.clone(), grad),
      ItemOf(start.clone(), grad.t().contiguous().t()),
      ItemOf(start.t().contiguous().t(), grad)};
  StepFusedAdamW(HostKernels(), items);
  EXPECT_FALSE(items[0].weight.equal(start));
  for (const FusedAdamWItem& item : items) {
    EXPECT_TRUE(item.weight.equal(items[0].weight));
    EXPECT_TRUE(item.exp_avg_sq.equal(items[0].exp_avg_sq));
  }
}

TEST(FusedAdamWTest, TensorsThatDoNotBelongTogetherAreRefused) {
  const CudaApi& api = HostKernels();
  const Tensor weight = torch::rand({2, 2});
  EXPECT_THROW(StepFusedAdamW(api, {ItemOf(weight, torch::rand({4}))}),
               c10::Error);
  EXPECT_THROW(
      StepFusedAdamW(api, {ItemOf(weight, weight.to(torch::kFloat64))}),
      c10::Error);
  FusedAdamWItem item = ItemOf(weight, weight.clone());
  item.exp_avg = torch::zeros({2, 2}, torch::kHalf);
  EXPECT_THROW(StepFusedAdamW(api, {item}), c10::Error);
}

TEST(FusedAdamWTest, AnErrorOfTheRuntimeIsThrownWithItsText) {
  const Tensor weight = torch::rand({2});
  try {
    StepFusedAdamW(FailingKernels(), {ItemOf(weight, weight.clone())});
    FAIL() << "nothing was thrown";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("illegal memory access"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace atelier::trainer
