// Optimizers on given gradients, and clipping by the global norm.
#include "absl/strings/str_cat.h"

#include "tests/support/oracle.h"
#include "trainer/optim/element/block_quantisation.h"
#include "trainer/optim/grad_norm.h"
#include "trainer/optim/registry.h"

namespace atelier::trainer::optim_oracle {
namespace {

using nlohmann::json;
using testing::LoadOracle;
using testing::LoadOracleJson;

constexpr double kTolerance = 1e-5;
// Codes of 8 bits are rounded in places that one bit of the arithmetic decides.
constexpr double kCodeTolerance = 1e-4;
// Step sizes that are estimated from sums over everything (the oracle's table).
constexpr double kEstimateTolerance = 1e-3;

// Optimizers by the class that made the golden values.
struct Reference {
  const char* python_class;
  const char* name;
  double tolerance;
};
constexpr Reference kReferences[] = {
    {"torch.AdamW", "AdamW", kTolerance},
    {"torch.SGD", "SGDNesterov", kTolerance},
    {"lion_pytorch.Lion", "Lion", kTolerance},
    {"transformers.Adafactor", "Adafactor", kTolerance},
    {"prodigyopt.Prodigy", "Prodigy", kEstimateTolerance},
    {"dadaptation.DAdaptAdam", "DAdaptAdam", kEstimateTolerance},
    {"schedulefree.AdamWScheduleFree", "AdamWScheduleFree", kTolerance},
    {"bitsandbytes.AdamW8bit", "AdamW8bit", kCodeTolerance},
    {"bitsandbytes.Lion8bit", "Lion8bit", kCodeTolerance},
};

const Reference* ReferenceOf(const std::string& python_class) {
  for (const Reference& reference : kReferences) {
    if (python_class == reference.python_class) return &reference;
  }
  return nullptr;
}

std::string TextOf(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.is_null() ? "None" : value.dump();
}

// As optimizer_args; lr and the fixed nesterov are not among them.
std::vector<std::string> ArgumentsOf(const json& args) {
  std::vector<std::string> texts;
  for (const auto& [name, value] : args.items()) {
    if (name == "lr" || name == "nesterov") continue;
    texts.push_back(absl::StrCat(name, "=", TextOf(value)));
  }
  return texts;
}

class OptimTest : public ::testing::Test {
 protected:
  OptimTest() : inputs_(LoadOracle("optim/inputs.safetensors")) {}

  // One group with a copy of every start value.
  std::vector<ParameterGroup> StartGroups(double lr) const {
    ParameterGroup group{"unet", lr, {}};
    for (const auto& [name, tensor] : inputs_) {
      if (name.rfind("init.", 0) != 0) continue;
      group.parameters.push_back(
          {name.substr(5), tensor.clone().set_requires_grad(true)});
    }
    return {group};
  }

  void SetGradients(std::vector<ParameterGroup>& groups,
                    const std::string& sequence, int64_t step) const {
    for (NamedParameter& named : groups[0].parameters) {
      named.parameter.mutable_grad() =
          inputs_.at(absl::StrCat(sequence, ".", named.name))[step].clone();
    }
  }

  // Values after every step, for each parameter, and the step size `d` where
  // the optimizer estimates one.
  std::map<std::string, std::vector<Tensor>> Train(
      Optimizer& optimizer, const std::string& sequence) const {
    std::map<std::string, std::vector<Tensor>> rows;
    const int64_t steps = inputs_.at(absl::StrCat(sequence, ".vec")).size(0);
    for (int64_t step = 0; step < steps; ++step) {
      SetGradients(optimizer.groups(), sequence, step);
      optimizer.Step(1);
      for (const NamedParameter& named : optimizer.groups()[0].parameters) {
        rows[named.name].push_back(named.parameter.detach().clone());
      }
      const auto state = optimizer.State();
      const auto estimate = state.find("optimizer.d");
      if (estimate != state.end())
        rows["d"].push_back(estimate->second.clone());
    }
    return rows;
  }

  void Check(const std::string& name, const json& setting,
             const Reference& reference) const {
    SCOPED_TRACE(name);
    const json& args = setting.at("args");
    const double lr = args.at("lr").is_null() ? 0 : args.at("lr").get<double>();
    auto optimizer =
        MakeOptimizer(reference.name, ArgumentsOf(args), StartGroups(lr));
    ASSERT_TRUE(optimizer.ok()) << optimizer.status();
    const auto rows = Train(**optimizer, setting.at("gradients"));
    const auto golden =
        LoadOracle(absl::StrCat("optim/", name, ".safetensors"));
    for (const auto& [parameter, values] : rows) {
      const Tensor& expected = golden.at(parameter);
      const Tensor all = torch::stack(values);
      // The biggest tensor is kept after the first, fifth and tenth step only.
      const Tensor actual = expected.size(0) == all.size(0)
                                ? all
                                : all.index_select(0, torch::tensor({0, 4, 9}));
      EXPECT_TENSOR_NEAR(actual, expected, reference.tolerance,
                         reference.tolerance)
          << parameter;
    }
    CheckAverages(**optimizer, golden, reference.tolerance);
    CheckCodes((*optimizer)->State(), golden);
  }

  // The weights of schedule-free optimizers that are saved and shown.
  static void CheckAverages(Optimizer& optimizer,
                            const std::map<std::string, Tensor>& golden,
                            double tolerance) {
    optimizer.UseEvalWeights();
    for (const NamedParameter& named : optimizer.groups()[0].parameters) {
      const auto average = golden.find(absl::StrCat("eval.", named.name));
      if (average == golden.end()) continue;
      EXPECT_TENSOR_NEAR(named.parameter, average->second, tolerance, tolerance)
          << average->first;
    }
    optimizer.UseTrainWeights();
  }

  // States in 8 bits: the codes of a tensor, off by one in rare ties, and the
  // blocks' largest values.
  static void CheckCodes(const std::map<std::string, Tensor>& state,
                         const std::map<std::string, Tensor>& golden) {
    constexpr const char* kStates[] = {"exp_avg", "exp_avg_sq"};
    for (int i = 0; i < 2; ++i) {
      const auto codes = golden.find(absl::StrCat("state.big.state", i + 1));
      if (codes == golden.end()) continue;
      const std::string name = absl::StrCat("big.", kStates[i]);
      const Tensor off =
          (state.at(name).to(torch::kInt) - codes->second.to(torch::kInt))
              .abs();
      EXPECT_LE(off.max().item<int>(), 1) << name;
      EXPECT_LT(off.to(torch::kFloat64).mean().item<double>(), 0.005) << name;
      EXPECT_TENSOR_NEAR(state.at(name + ".absmax"),
                         golden.at(absl::StrCat("state.big.absmax", i + 1)),
                         kCodeTolerance, kCodeTolerance)
          << name;
    }
  }

  std::map<std::string, Tensor> inputs_;
};

TEST_F(OptimTest, EveryTrajectoryMatchesTheReference) {
  const json settings = LoadOracleJson("optim/optimizers.json");
  int checked = 0;
  for (const auto& [name, setting] : settings.items()) {
    const Reference* reference = ReferenceOf(setting.at("cls"));
    if (reference == nullptr) continue;
    Check(name, setting, *reference);
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

TEST_F(OptimTest, CodesOf8BitsMatchTheReference) {
  const auto golden = LoadOracle("optim/quant8.safetensors");
  const QuantisationMap with_sign = MakeQuantisationMap(true);
  const QuantisationMap without = MakeQuantisationMap(false);
  for (const auto& [name, map] :
       {std::pair{"signed_map", &with_sign}, {"unsigned_map", &without}}) {
    EXPECT_TENSOR_NEAR(torch::from_blob(const_cast<float*>(map->values), {256}),
                       golden.at(name), 1e-6, 1e-6)
        << name;
  }
  const Tensor x = golden.at("x").contiguous();
  const Tensor absmax = golden.at("x.absmax").contiguous();
  const Tensor codes = golden.at("x.quantized").contiguous();
  for (int64_t i = 0; i < x.numel(); ++i) {
    const float share = x.data_ptr<float>()[i] /
                        absmax.data_ptr<float>()[i / kQuantisationBlock];
    EXPECT_EQ(NearestCode(with_sign.values, NearestPoint(share)),
              codes.data_ptr<uint8_t>()[i])
        << i;
  }
}

TEST_F(OptimTest, ClippingMatchesTheReference) {
  constexpr double kMaxNorm = 1;
  constexpr double kGain = 10;  // of the reference's gradients
  const auto golden = LoadOracle("optim/clip.safetensors");
  std::vector<ParameterGroup> groups = StartGroups(0);
  SetGradients(groups, "grad", 0);
  for (NamedParameter& named : groups[0].parameters) {
    named.parameter.mutable_grad().mul_(kGain);
  }
  const double norm = GradNorm(groups);
  const double expected = golden.at("norm").item<double>();
  EXPECT_NEAR(norm, expected, kTolerance * expected);
  for (const NamedParameter& named : groups[0].parameters) {
    EXPECT_TENSOR_NEAR(named.parameter.grad() * ClipFactor(norm, kMaxNorm),
                       golden.at(absl::StrCat("clipped.", named.name)),
                       kTolerance, kTolerance)
        << named.name;
  }
}

}  // namespace
}  // namespace atelier::trainer::optim_oracle
