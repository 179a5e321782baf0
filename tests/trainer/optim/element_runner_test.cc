#include "trainer/optim/element_runner.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"
#include "tests/support/host_kernels.h"
#include "trainer/optim/element/block_quantisation.h"

namespace atelier::trainer::element_runner_test {
namespace {

using testing::HostKernels;

const torch::Device kAccelerator = testing::FakeAccelerator::Device();

// A library whose kernel fails.
CudaApi FailingKernels() {
  CudaApi api = HostKernels();
  api.error_text = [](int) { return "an illegal memory access"; };
  api.update = [](int, const ElementUpdate*, int64_t, void*) { return 700; };
  return api;
}

ElementItem AdamWItem(const Tensor& weight, const Tensor& grad,
                      torch::ScalarType state_type = torch::kFloat32) {
  ElementItem item;
  item.weight = weight;
  item.grad = grad;
  item.state = {torch::zeros_like(weight, state_type),
                torch::zeros_like(weight, state_type)};
  item.factors.adamw = MakeAdamWFactors(1e-2, 0.9, 0.999, 1e-8, 0.01, 1);
  item.rounding_key = 77;
  return item;
}

TEST(ElementRunnerTest, EveryOrderAndTypeOfGradientGivesTheSameUpdate) {
  const Tensor start = torch::rand({3, 4});
  const Tensor grad = torch::rand({3, 4}).to(torch::kBFloat16);
  const std::vector<ElementItem> items = {
      AdamWItem(start.clone(), grad.to(torch::kFloat32)),
      AdamWItem(start.clone(), grad),
      AdamWItem(start.clone(), grad.t().contiguous().t()),
      AdamWItem(start.t().contiguous().t(), grad)};
  ElementRunner({}, nullptr).Run(items);
  EXPECT_FALSE(items[0].weight.equal(start));
  for (const ElementItem& item : items) {
    EXPECT_TRUE(item.weight.equal(items[0].weight));
    EXPECT_TRUE(item.state[1].equal(items[0].state[1]));
  }
}

TEST(ElementRunnerTest, TensorsThatDoNotBelongTogetherAreRefused) {
  const ElementRunner runner({}, nullptr);
  const Tensor weight = torch::rand({2, 2});
  EXPECT_THROW(runner.Run({AdamWItem(weight, torch::rand({4}))}), c10::Error);
  EXPECT_THROW(runner.Run({AdamWItem(weight, weight.to(torch::kFloat64))}),
               c10::Error);
  ElementItem item = AdamWItem(weight, weight.clone());
  item.state[1] = torch::zeros({2, 2}, torch::kHalf);
  EXPECT_THROW(runner.Run({item}), c10::Error);
  item.state[1] = torch::zeros({4});
  EXPECT_THROW(runner.Run({item}), c10::Error);
}

TEST(ElementRunnerTest, AnErrorOfTheRuntimeIsThrownWithItsText) {
  const CudaApi kernels = FailingKernels();
  const Tensor weight = torch::rand({2}).to(kAccelerator);
  try {
    ElementRunner({}, &kernels).Run({AdamWItem(weight, weight.clone())});
    FAIL() << "nothing was thrown";
  } catch (const c10::Error& error) {
    EXPECT_NE(std::string(error.what()).find("illegal memory access"),
              std::string::npos);
  }
}

TEST(ElementRunnerTest, ADeviceWithoutKernelsGetsTheSameBits) {
  torch::manual_seed(4);
  const Tensor start = torch::randn({40, 30});
  const Tensor grad = torch::randn({40, 30});
  const ElementItem here = AdamWItem(start.clone(), grad);
  const ElementItem there =
      AdamWItem(start.to(kAccelerator), grad.to(kAccelerator));
  ElementRunner({}, nullptr).Run({here, there});
  EXPECT_EQ(there.weight.device(), kAccelerator);
  EXPECT_TRUE(there.weight.cpu().equal(here.weight));
  EXPECT_TRUE(there.state[0].cpu().equal(here.state[0]));
}

// Small steps vanish in bf16 if they are rounded to nearest.
TEST(ElementRunnerTest, UpdatesOfBf16AreRightOnAverage) {
  constexpr int kSteps = 200;
  constexpr double kStep = 1e-4;  // 1/40 of the distance of numbers near 1
  const Tensor weight = torch::ones({2000}, torch::kBFloat16);
  ElementItem item;
  item.weight = weight;
  item.grad = torch::ones({2000}, torch::kBFloat16);
  item.state[0] = torch::zeros({2000}, torch::kBFloat16);
  item.rule = UpdateRule::kMomentum;
  item.factors.momentum = MakeMomentumFactors(kStep, 0, 0, false);
  for (int step = 0; step < kSteps; ++step) {
    item.rounding_key = static_cast<uint64_t>(step) * 0x9E3779B97F4A7C15ull;
    ElementRunner({}, nullptr).Run({item});
  }
  const double mean = weight.to(torch::kFloat64).mean().item<double>();
  EXPECT_NEAR(mean, 1 - kSteps * kStep, 5e-4);
}

TEST(ElementRunnerTest, TheRoundingFollowsFromItsKeyAlone) {
  torch::manual_seed(6);
  const Tensor start = torch::randn({100000}).to(torch::kBFloat16);
  const Tensor grad = torch::randn({100000}).to(torch::kBFloat16);
  const auto after = [&](uint64_t key) {
    ElementItem item = AdamWItem(start.clone(), grad, torch::kBFloat16);
    item.rounding_key = key;
    ElementRunner({}, nullptr).Run({item});
    return item.weight;
  };
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor alone = after(5);
  at::set_num_threads(3);
  EXPECT_TRUE(after(5).equal(alone));
  at::set_num_threads(threads);
  EXPECT_FALSE(after(6).equal(alone));
}

}  // namespace
}  // namespace atelier::trainer::element_runner_test
