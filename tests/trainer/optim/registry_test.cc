// What every optimizer of the registry promises.
#include "trainer/optim/registry.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer::registry_test {
namespace {

using ::testing::HasSubstr;

constexpr int kSteps = 6;

// Small parameters, and one whose state 8-bit optimizers quantise.
std::vector<ParameterGroup> Groups(torch::ScalarType type = torch::kFloat32) {
  torch::manual_seed(1);
  const auto parameter = [type](at::IntArrayRef shape) {
    return torch::randn(shape).to(type).set_requires_grad(true);
  };
  return {{"unet",
           1e-2,
           {{"conv", parameter({4, 3, 3, 3})},
            {"vector", parameter({7})},
            {"large", parameter({70, 64})}}},
          {"text_encoder", 1e-2, {{"matrix", parameter({5, 3})}}}};
}

// Gradients of a step, the same in every run. They share a direction, which
// optimizers that estimate their step size need.
void SetGradients(Optimizer& optimizer, int step) {
  for (ParameterGroup& group : optimizer.groups()) {
    for (NamedParameter& named : group.parameters) {
      torch::manual_seed(99);
      const Tensor direction = torch::randn(named.parameter.sizes());
      torch::manual_seed(100 + step);
      named.parameter.mutable_grad() =
          (direction + torch::randn(named.parameter.sizes()))
              .to(named.parameter.scalar_type());
    }
  }
}

void Train(Optimizer& optimizer, int first, int last) {
  for (int step = first; step < last; ++step) {
    SetGradients(optimizer, step);
    optimizer.Step(0.5);
  }
}

// The same by parameter, backwards, each gradient dropped once it was taken.
void TrainByParameter(Optimizer& optimizer, int last) {
  for (int step = 0; step < last; ++step) {
    SetGradients(optimizer, step);
    auto& groups = optimizer.groups();
    for (size_t group = groups.size(); group-- > 0;) {
      for (size_t i = groups[group].parameters.size(); i-- > 0;) {
        optimizer.StepParameter(group, i, 0.5);
        groups[group].parameters[i].parameter.mutable_grad().reset();
      }
    }
    optimizer.FinishStep();
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

void ExpectSameBits(const std::vector<Tensor>& actual,
                    const std::vector<Tensor>& expected) {
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(actual[i].equal(expected[i])) << "parameter " << i;
  }
}

void SetWeights(Optimizer& optimizer, const std::vector<Tensor>& weights) {
  const torch::NoGradGuard no_grad;
  size_t i = 0;
  for (ParameterGroup& group : optimizer.groups()) {
    for (NamedParameter& named : group.parameters) {
      named.parameter.copy_(weights[i++]);
    }
  }
}

class OptimizerTest : public ::testing::TestWithParam<std::string> {
 protected:
  static std::unique_ptr<Optimizer> Make(
      torch::ScalarType type = torch::kFloat32) {
    auto optimizer = MakeOptimizer(GetParam(), {}, Groups(type));
    EXPECT_TRUE(optimizer.ok()) << optimizer.status();
    (*optimizer)->set_rounding_seed(5);
    return *std::move(optimizer);
  }

  static void ExpectSameBitsAfterResuming(torch::ScalarType type) {
    const auto whole = Make(type);
    Train(*whole, 0, kSteps);
    const auto first = Make(type);
    Train(*first, 0, kSteps / 2);
    std::map<std::string, Tensor> saved;
    for (const auto& [name, tensor] : first->State()) {
      saved[name] = tensor.clone();
    }
    const auto second = Make(type);
    SetWeights(*second, Weights(*first));
    ASSERT_TRUE(second->LoadState(saved).ok());
    Train(*second, kSteps / 2, kSteps);
    ExpectSameBits(Weights(*second), Weights(*whole));
  }
};

TEST_P(OptimizerTest, ResumedRunEndsWithTheSameBits) {
  ExpectSameBitsAfterResuming(torch::kFloat32);
}

TEST_P(OptimizerTest, ResumedRunOfBf16WeightsEndsWithTheSameBits) {
  ExpectSameBitsAfterResuming(torch::kBFloat16);
}

TEST_P(OptimizerTest, UpdatesOneByOneComeToTheSameBits) {
  for (const torch::ScalarType type : {torch::kFloat32, torch::kBFloat16}) {
    const auto together = Make(type);
    Train(*together, 0, kSteps);
    const auto one_by_one = Make(type);
    TrainByParameter(*one_by_one, kSteps);
    ExpectSameBits(Weights(*one_by_one), Weights(*together));
  }
}

// Steps of one size are below half of the distance of bf16 numbers near 1, so
// that rounding to nearest would leave them.
TEST_P(OptimizerTest, SmallStepsOfHalfWeightsAreNotLost) {
  // Those that estimate their step size begin with that of the others.
  const bool estimates =
      FindOptimizer(GetParam()).value()->traits.estimates_step;
  const std::vector<std::string> arguments =
      estimates ? std::vector<std::string>{"d0=1e-3"}
                : std::vector<std::string>();
  const auto all_ones = [&](torch::ScalarType type) {
    const torch::NoGradGuard no_grad;
    std::vector<ParameterGroup> groups = Groups(type);
    for (ParameterGroup& group : groups) {
      group.lr = estimates ? 1 : 1e-3;
      for (NamedParameter& named : group.parameters) named.parameter.fill_(1);
    }
    auto optimizer = MakeOptimizer(GetParam(), arguments, std::move(groups));
    Train(**optimizer, 0, 3 * kSteps);
    return Weights(**optimizer)[2].to(torch::kFloat32) - 1;
  };
  const Tensor moved = all_ones(torch::kFloat32);
  const Tensor close = all_ones(torch::kBFloat16);
  const double scale = moved.norm().item<double>();
  ASSERT_GT(scale, 0);
  // Each weight is off by up to a bf16 distance; all of them agree on the
  // whole.
  const double along = (close * moved).sum().item<double>() / (scale * scale);
  EXPECT_NEAR(along, 1, 0.25);
}

TEST_P(OptimizerTest, EvalWeightsLeaveNoTrace) {
  const auto optimizer = Make();
  Train(*optimizer, 0, kSteps);
  const std::vector<Tensor> trained = Weights(*optimizer);
  optimizer->UseEvalWeights();
  const bool differ = !Weights(*optimizer)[2].equal(trained[2]);
  EXPECT_EQ(differ, GetParam().find("ScheduleFree") != std::string::npos);
  optimizer->UseTrainWeights();
  ExpectSameBits(Weights(*optimizer), trained);
  Train(*optimizer, kSteps, 2 * kSteps);
  const auto undisturbed = Make();
  Train(*undisturbed, 0, 2 * kSteps);
  ExpectSameBits(Weights(*optimizer), Weights(*undisturbed));
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

int64_t StateBytes(const std::string& name) {
  const auto parameter = torch::randn({1024, 257}).set_requires_grad(true);
  const auto optimizer =
      MakeOptimizer(name, {}, {{"unet", 1e-2, {{"large", parameter}}}}).value();
  int64_t bytes = 0;
  for (const auto& [key, tensor] : optimizer->State()) {
    bytes += static_cast<int64_t>(tensor.nbytes());
  }
  return bytes;
}

TEST(RegistryTest, StatesOf8BitsTakeAQuarter) {
  for (const std::string name : {"AdamW", "Lion", "SGDNesterov"}) {
    EXPECT_LE(static_cast<double>(StateBytes(name + "8bit")),
              0.28 * static_cast<double>(StateBytes(name)))
        << name;
  }
}

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
