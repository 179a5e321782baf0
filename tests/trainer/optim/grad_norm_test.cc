#include "trainer/optim/grad_norm.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <limits>

#include "gtest/gtest.h"

namespace atelier::trainer::grad_norm_test {
namespace {

ParameterGroup GroupWith(const std::vector<Tensor>& grads) {
  ParameterGroup group{"unet", 0, {}};
  for (const Tensor& grad : grads) {
    const Tensor parameter =
        torch::zeros(grad.sizes(), grad.options()).set_requires_grad(true);
    parameter.mutable_grad() = grad;
    group.parameters.push_back({"weight", parameter});
  }
  return group;
}

TEST(GradNormTest, AllGroupsCountTogether) {
  const double norm = GradNorm({GroupWith({torch::full({1}, 3.0f)}),
                                GroupWith({torch::full({1}, 4.0f)})});
  EXPECT_DOUBLE_EQ(norm, 5);
}

TEST(GradNormTest, ParametersWithoutGradientDoNotCount) {
  ParameterGroup group = GroupWith({torch::full({4}, 1.0f)});
  group.parameters.push_back({"other", torch::ones({3})});
  EXPECT_DOUBLE_EQ(GradNorm({group}), 2);
  EXPECT_EQ(GradNorm({}), 0);
}

TEST(GradNormTest, NumberOfThreadsChangesNoBit) {
  torch::manual_seed(1);
  const ParameterGroup group =
      GroupWith({torch::randn({700, 501}), torch::randn({13})});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const double alone = GradNorm({group});
  at::set_num_threads(3);
  const double together = GradNorm({group});
  at::set_num_threads(threads);
  EXPECT_EQ(alone, together);
}

TEST(GradNormTest, MemoryOrderDoesNotMatterToTheValue) {
  torch::manual_seed(2);
  const Tensor grad = torch::randn({12, 9});
  EXPECT_NEAR(GradNorm({GroupWith({grad.t()})}), GradNorm({GroupWith({grad})}),
              1e-12);
}

TEST(GradNormTest, InfiniteGradientShows) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(
      std::isfinite(GradNorm({GroupWith({torch::full({2}, infinity)})})));
}

TEST(ClipFactorTest, SmallNormsAreLeftAlone) {
  EXPECT_EQ(ClipFactor(0.5, 1), 1);
  EXPECT_EQ(ClipFactor(100, 0), 1);
  EXPECT_NEAR(ClipFactor(4, 1), 0.25, 1e-6);
}

}  // namespace
}  // namespace atelier::trainer::grad_norm_test
