// Optimizers that the golden archive lacks, against the numbers that
// optim_variants.py computed with their own packages.
#include <fstream>

#include "absl/strings/str_cat.h"

#include "tests/support/oracle.h"
#include "trainer/optim/registry.h"

namespace atelier::trainer::optim_variants_oracle {
namespace {

using nlohmann::json;

constexpr int kSteps = 10;
// As for the archive: 8-bit codes are rounded in places that one bit of the
// arithmetic before decides, estimates are sums over everything.
constexpr double kTolerance = 1e-5;
constexpr double kCodeTolerance = 1e-4;
constexpr double kEstimateTolerance = 1e-3;

const std::vector<std::pair<std::string, std::vector<int64_t>>>& Shapes() {
  static const auto& shapes =
      *new std::vector<std::pair<std::string, std::vector<int64_t>>>{
          {"vec", {7}}, {"mat", {5, 3}}, {"big", {64, 70}}};
  return shapes;
}

// As `tensor` of the script.
Tensor Numbers(at::IntArrayRef shape, int64_t stream, double scale) {
  const int64_t count = c10::multiply_integers(shape);
  const Tensor index = torch::arange(count, torch::kInt64);
  const Tensor number = (index * 7919 + stream * 104729 + 12345) % 2003 - 1001;
  return (number.to(torch::kFloat64) / 1000 * scale)
      .to(torch::kFloat32)
      .reshape(shape);
}

std::string TextOf(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.dump();
}

void SetGradients(ParameterGroup& group, int step, bool with_direction) {
  for (size_t place = 0; place < group.parameters.size(); ++place) {
    Tensor& parameter = group.parameters[place].parameter;
    const auto at = static_cast<int64_t>(place);
    Tensor grad = Numbers(parameter.sizes(), 100 * (step + 1) + at, 0.05);
    if (with_direction) {
      grad = grad + Numbers(parameter.sizes(), 50 + at, 0.1);
    }
    parameter.mutable_grad() = grad;
  }
}

void ExpectNear(const ParameterGroup& group, const json& expected,
                double tolerance) {
  for (const NamedParameter& named : group.parameters) {
    const json& golden = expected.at(named.name);
    const auto first = golden.at("first").get<std::vector<double>>();
    const Tensor flat = named.parameter.detach().flatten();
    EXPECT_TENSOR_NEAR(flat.slice(0, 0, std::ssize(first)),
                       torch::tensor(first, torch::kFloat64), tolerance,
                       tolerance)
        << named.name;
    const double norm = golden.at("norm");
    EXPECT_NEAR(flat.to(torch::kFloat64).norm().item<double>(), norm,
                tolerance * norm)
        << named.name;
  }
}

double ToleranceOf(const std::string& name) {
  if (name.find("8bit") != name.npos) return kCodeTolerance;
  return name.find("DAdapt") != name.npos ? kEstimateTolerance : kTolerance;
}

void Check(const std::string& name, const json& setting) {
  SCOPED_TRACE(name);
  std::vector<std::string> arguments;
  ParameterGroup group{"unet", 0, {}};
  for (const auto& [key, value] : setting.at("args").items()) {
    if (key == "lr") {
      group.lr = value.get<double>();
    } else {
      arguments.push_back(absl::StrCat(key, "=", TextOf(value)));
    }
  }
  for (size_t i = 0; i < Shapes().size(); ++i) {
    const auto& [parameter, shape] = Shapes()[i];
    const Tensor start = Numbers(shape, static_cast<int64_t>(i), 0.5);
    group.parameters.push_back({parameter, start.set_requires_grad(true)});
  }
  const auto optimizer = MakeOptimizer(name, arguments, {group});
  ASSERT_TRUE(optimizer.ok()) << optimizer.status();
  ParameterGroup& trained = (*optimizer)->groups()[0];
  for (int step = 0; step < kSteps; ++step) {
    SetGradients(trained, step, setting.at("with_direction"));
    (*optimizer)->Step(1);
  }
  ExpectNear(trained, setting.at("weights"), ToleranceOf(name));
  if (!setting.contains("averages")) return;
  (*optimizer)->UseEvalWeights();
  ExpectNear(trained, setting.at("averages"), ToleranceOf(name));
  (*optimizer)->UseTrainWeights();
  ExpectNear(trained, setting.at("weights"), ToleranceOf(name));
}

TEST(OptimVariantsTest, EveryTrajectoryMatchesItsPackage) {
  std::ifstream file(ATELIER_ORACLE_SOURCE_DIR "/optim_variants.json");
  const json settings = json::parse(file);
  EXPECT_EQ(settings.size(), 9u);
  for (const auto& [name, setting] : settings.items()) Check(name, setting);
}

}  // namespace
}  // namespace atelier::trainer::optim_variants_oracle
