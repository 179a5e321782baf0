#include "trainer/memory/activation_checkpoint.h"

#include <ATen/autocast_mode.h>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

// Uses its first input twice, and two parameters.
struct GatedLayer : torch::nn::Module {
  GatedLayer() {
    torch::manual_seed(3);
    weight = register_parameter("weight", torch::randn({8, 8}));
    gate = register_parameter("gate", torch::randn({8, 8}));
  }
  Tensor Run(bool recompute, const Tensor& x, const Tensor& y) {
    return RunBlock(
        recompute, *this,
        [this](const std::vector<Tensor>& inputs) {
          ++runs;
          const Tensor mixed = torch::linear(inputs[0], weight) + inputs[1];
          return torch::tanh(mixed) * torch::linear(inputs[0], gate);
        },
        {x, y});
  }

  Tensor weight, gate;
  int runs = 0;
};

Tensor Input(int64_t seed) {
  torch::manual_seed(seed);
  return torch::randn({4, 8});
}

TEST(ActivationCheckpointTest, GivesTheSameGradientsBitForBit) {
  std::vector<std::vector<Tensor>> found;
  for (const bool recompute : {false, true}) {
    GatedLayer layer;
    const Tensor x = Input(1).requires_grad_(), y = Input(2).requires_grad_();
    // Both inputs are used elsewhere too, so gradients are summed.
    const Tensor h = layer.Run(recompute, x, y) + layer.Run(recompute, y, x);
    (h * h + x).sum().backward();
    found.push_back(
        {x.grad(), y.grad(), layer.weight.grad(), layer.gate.grad()});
  }
  for (size_t i = 0; i < found[0].size(); ++i) {
    EXPECT_TRUE(found[0][i].equal(found[1][i])) << i;
  }
}

TEST(ActivationCheckpointTest, RunsTheBlockAgainInTheBackwardPass) {
  GatedLayer layer;
  const Tensor out = layer.Run(true, Input(1), Input(2));
  EXPECT_EQ(layer.runs, 1);
  out.sum().backward();
  EXPECT_EQ(layer.runs, 2);
}

TEST(ActivationCheckpointTest, ReachesParametersWhenNoInputNeedsAGradient) {
  GatedLayer layer;
  layer.Run(true, Input(1), Input(2)).sum().backward();
  EXPECT_TRUE(layer.weight.grad().defined());
  EXPECT_TRUE(layer.gate.grad().defined());
}

TEST(ActivationCheckpointTest, LeavesFrozenParametersAlone) {
  GatedLayer layer;
  layer.gate.requires_grad_(false);
  layer.Run(true, Input(1), Input(2)).sum().backward();
  EXPECT_TRUE(layer.weight.grad().defined());
  EXPECT_FALSE(layer.gate.grad().defined());
}

TEST(ActivationCheckpointTest, RunsOnceWithoutGradMode) {
  GatedLayer layer;
  const torch::NoGradGuard no_gradients;
  EXPECT_FALSE(layer.Run(true, Input(1), Input(2)).requires_grad());
  EXPECT_EQ(layer.runs, 1);
}

// The backward pass happens outside autocast, as it should be called.
Tensor AutocastGradient(bool recompute) {
  GatedLayer layer;
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, torch::kBFloat16);
  const Tensor out = layer.Run(recompute, Input(1), Input(2));
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  out.sum().backward();
  return layer.weight.grad();
}

TEST(ActivationCheckpointTest, RecomputesUnderTheAutocastOfTheFirstRun) {
  const Tensor expected = AutocastGradient(false);
  const Tensor actual = AutocastGradient(true);
  EXPECT_EQ(actual.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(actual.equal(expected));
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
}

}  // namespace
}  // namespace atelier::trainer
