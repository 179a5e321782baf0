// What every optimizer of the registry promises.
#include "trainer/optim/registry.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer::registry_test {
namespace {

using ::testing::HasSubstr;

constexpr int kSteps = 6;

std::vector<ParameterGroup> Groups() {
  torch::manual_seed(1);
  const auto parameter = [](at::IntArrayRef shape) {
    return torch::randn(shape).set_requires_grad(true);
  };
  return {{"unet",
           1e-2,
           {{"conv", parameter({4, 3, 3, 3})}, {"vector", parameter({7})}}},
          {"text_encoder", 1e-2, {{"matrix", parameter({5, 3})}}}};
}

// Gradients of a step, the same in every run.
void SetGradients(Optimizer& optimizer, int step) {
  torch::manual_seed(100 + step);
  for (ParameterGroup& group : optimizer.groups()) {
    for (NamedParameter& named : group.parameters) {
      named.parameter.mutable_grad() = torch::randn(named.parameter.sizes());
    }
  }
}

void Train(Optimizer& optimizer, int first, int last) {
  for (int step = first; step < last; ++step) {
    SetGradients(optimizer, step);
    optimizer.Step(0.5);
  }
}

std::vector<Tensor> Weights(Optimizer& optimizer) {
  std::vector<Tensor> weights;
  for (const ParameterGroup& group : optimizer.groups()) {
    for (const NamedParameter& named : group.parameters) {
      weights.push_back(named.parameter.detach().clone());
    }
  }
  return weights;
}

class OptimizerTest : public ::testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Optimizer> Make() {
    auto optimizer = MakeOptimizer(GetParam(), {}, Groups());
    EXPECT_TRUE(optimizer.ok()) << optimizer.status();
    return *std::move(optimizer);
  }
};

TEST_P(OptimizerTest, ResumedRunEndsWithTheSameBits) {
  const auto whole = Make();
  Train(*whole, 0, kSteps);

  const auto first = Make();
  Train(*first, 0, kSteps / 2);
  std::map<std::string, Tensor> saved;
  for (const auto& [name, tensor] : first->State()) {
    saved[name] = tensor.clone();
  }
  const std::vector<Tensor> weights = Weights(*first);

  const auto second = Make();
  size_t i = 0;
  torch::NoGradGuard no_grad;
  for (ParameterGroup& group : second->groups()) {
    for (NamedParameter& named : group.parameters) {
      named.parameter.copy_(weights[i++]);
    }
  }
  ASSERT_TRUE(second->LoadState(saved).ok());
  Train(*second, kSteps / 2, kSteps);

  const std::vector<Tensor> expected = Weights(*whole);
  const std::vector<Tensor> actual = Weights(*second);
  for (size_t k = 0; k < expected.size(); ++k) {
    EXPECT_TRUE(actual[k].equal(expected[k]));
  }
}

TEST_P(OptimizerTest, StepsMoveEveryParameter) {
  const auto optimizer = Make();
  const std::vector<Tensor> before = Weights(*optimizer);
  Train(*optimizer, 0, kSteps);
  const std::vector<Tensor> after = Weights(*optimizer);
  for (size_t k = 0; k < before.size(); ++k) {
    EXPECT_FALSE(after[k].equal(before[k]));
    EXPECT_TRUE(after[k].isfinite().all().item<bool>());
  }
}

TEST_P(OptimizerTest, FreezingOneGroupLeavesTheOthersTraining) {
  const auto optimizer = Make();
  optimizer->Freeze("text_encoder");
  const std::vector<Tensor> before = Weights(*optimizer);
  Train(*optimizer, 0, kSteps);
  const std::vector<Tensor> after = Weights(*optimizer);
  EXPECT_FALSE(after.front().equal(before.front()));
  EXPECT_TRUE(after.back().equal(before.back()));
}

TEST_P(OptimizerTest, ZeroGradientsKeepWeightsFinite) {
  const auto optimizer = Make();
  SetGradients(*optimizer, 0);
  for (ParameterGroup& group : optimizer->groups()) {
    for (NamedParameter& named : group.parameters) {
      named.parameter.mutable_grad().zero_();
    }
  }
  optimizer->Step(1);
  for (const Tensor& weight : Weights(*optimizer)) {
    EXPECT_TRUE(weight.isfinite().all().item<bool>());
  }
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const OptimizerKind& kind : AllOptimizers()) {
    names.emplace_back(kind.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, OptimizerTest, ::testing::ValuesIn(Names()),
                         [](const auto& test) { return test.param; });

TEST(RegistryTest, NamesAreTakenInAnyLetterCase) {
  EXPECT_TRUE(MakeOptimizer("adamw", {}, Groups()).ok());
}

TEST(RegistryTest, UnknownNameIsRefusedWithTheNearest) {
  const auto optimizer = MakeOptimizer("AdmaW", {}, Groups());
  EXPECT_EQ(optimizer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(optimizer.status().message()),
              HasSubstr("did you mean AdamW?"));
}

}  // namespace
}  // namespace atelier::trainer::registry_test
