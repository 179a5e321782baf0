// What needs a GPU; skipped with the reason where there is none.
#include "gtest/gtest.h"

#include "trainer/cuda/cuda_loader.h"
#include "trainer/cuda/fused_adamw.h"

namespace atelier::trainer {
namespace {

TEST(GpuTest, TheKernelUpdatesAsTheElementFunctionDoesOnTheCpu) {
  const auto opened = OpenDevice({DeviceRequest::Kind::kCuda, 0});
  if (!opened.ok()) GTEST_SKIP() << opened.status().message();
  const auto api = LoadCuda();
  ASSERT_TRUE(api.ok()) << api.status();
  torch::manual_seed(5);
  const AdamWFactors factors =
      MakeAdamWFactors(1e-2, 0.9, 0.999, 1e-8, 0.01, 3);
  std::vector<FusedAdamWItem> items;
  std::vector<Tensor> expected;
  // More tensors than one launch takes, from none to many elements.
  for (int i = 0; i < 120; ++i) {
    const Tensor weight = torch::randn({i * i * 7});
    const Tensor exp_avg = torch::randn_like(weight);
    const Tensor exp_avg_sq = torch::rand_like(weight);
    Tensor grad = torch::randn_like(weight);
    if (i % 2 == 1) grad = grad.to(torch::kBFloat16);
    items.push_back({weight.to(opened->device), exp_avg.to(opened->device),
                     exp_avg_sq.to(opened->device), grad.to(opened->device),
                     factors});
    const Tensor grads = grad.to(torch::kFloat32);
    for (int64_t k = 0; k < weight.numel(); ++k) {
      AdamWElement(factors, grads.data_ptr<float>()[k],
                   weight.data_ptr<float>()[k], exp_avg.data_ptr<float>()[k],
                   exp_avg_sq.data_ptr<float>()[k]);
    }
    expected.push_back(weight);
  }
  StepFusedAdamW(**api, items);
  for (size_t i = 0; i < items.size(); ++i) {
    // The GPU fuses multiplications with additions.
    EXPECT_TRUE(torch::allclose(items[i].weight.to(torch::kCPU), expected[i],
                                1e-5, 1e-6))
        << i;
  }
}

}  // namespace
}  // namespace atelier::trainer
