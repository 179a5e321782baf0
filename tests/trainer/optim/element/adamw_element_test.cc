#include "trainer/optim/element/adamw_element.h"

#include "gtest/gtest.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {
namespace {

// The element function is what the kernel runs; LibTorch's optimizer is the
// independent source.
TEST(AdamWElementTest, TenStepsEqualTheLibrarysOptimizer) {
  constexpr double kLr = 1e-2;
  constexpr double kDecay = 0.05;
  torch::manual_seed(3);
  Tensor expected = torch::randn({64}).requires_grad_();
  Tensor weight = expected.detach().clone();
  Tensor exp_avg = torch::zeros({64});
  Tensor exp_avg_sq = torch::zeros({64});
  torch::optim::AdamW optimizer(
      std::vector<Tensor>{expected},
      torch::optim::AdamWOptions(kLr).weight_decay(kDecay));
  for (int step = 1; step <= 10; ++step) {
    const Tensor grad = torch::randn({64});
    expected.mutable_grad() = grad.clone();
    optimizer.step();
    const AdamWFactors factors =
        MakeAdamWFactors(kLr, 0.9, 0.999, 1e-8, kDecay, step);
    for (int64_t i = 0; i < 64; ++i) {
      AdamWElement(factors, grad.data_ptr<float>()[i],
                   weight.data_ptr<float>()[i], exp_avg.data_ptr<float>()[i],
                   exp_avg_sq.data_ptr<float>()[i]);
    }
  }
  EXPECT_TRUE(torch::allclose(weight, expected, 1e-5, 1e-7));
}

TEST(AdamWElementTest, TheGradientIsScaledFirst) {
  AdamWFactors factors = MakeAdamWFactors(1e-2, 0.9, 0.999, 1e-8, 0, 1);
  float weight[2] = {1, 1};
  float exp_avg[2] = {0, 0};
  float exp_avg_sq[2] = {0, 0};
  AdamWElement(factors, 0.25f, weight[0], exp_avg[0], exp_avg_sq[0]);
  factors.grad_scale = 0.25f;
  AdamWElement(factors, 1.0f, weight[1], exp_avg[1], exp_avg_sq[1]);
  EXPECT_EQ(weight[0], weight[1]);
  EXPECT_EQ(exp_avg[0], exp_avg[1]);
}

}  // namespace
}  // namespace atelier::trainer
