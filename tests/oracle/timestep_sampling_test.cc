// Timesteps and noise levels of rectified-flow models from given draws.
#include "tests/support/oracle.h"
#include "trainer/diffusion/flow_timesteps.h"

namespace atelier::trainer::timestep_sampling_oracle {
namespace {

using nlohmann::json;
using testing::LoadOracle;
using testing::LoadOracleJson;

constexpr double kTolerance = 1e-5;

FlowDensity DensityOf(const json& arguments) {
  const std::string name = arguments.at("weighting_scheme");
  if (name == "logit_normal") return FlowDensity::kLogitNormal;
  if (name == "mode") return FlowDensity::kMode;
  return FlowDensity::kUniform;
}

FlowSampling SamplingOf(const json& arguments) {
  static const std::map<std::string, FlowSampling> kNames = {
      {"sigma", FlowSampling::kSigma},
      {"uniform", FlowSampling::kUniform},
      {"sigmoid", FlowSampling::kSigmoid},
      {"shift", FlowSampling::kShift},
      {"nextdit_shift", FlowSampling::kNextditShift},
      {"flux_shift", FlowSampling::kFluxShift}};
  if (!arguments.contains("timestep_sampling")) return FlowSampling::kDensity;
  return kNames.at(arguments.at("timestep_sampling"));
}

template <typename T>
void Read(const json& arguments, const char* name, T& value) {
  const auto found = arguments.find(name);
  if (found != arguments.end() && !found->is_null()) value = found->get<T>();
}

FlowTimestepOptions OptionsOf(const json& arguments) {
  FlowTimestepOptions options;
  options.sampling = SamplingOf(arguments);
  options.density = DensityOf(arguments);
  Read(arguments, "logit_mean", options.logit_mean);
  Read(arguments, "logit_std", options.logit_std);
  Read(arguments, "mode_scale", options.mode_scale);
  Read(arguments, "sigmoid_scale", options.sigmoid_scale);
  Read(arguments, "training_shift", options.shift);
  Read(arguments, "discrete_flow_shift", options.shift);
  Read(arguments, "min_timestep", options.min_timestep);
  Read(arguments, "max_timestep", options.max_timestep);
  return options;
}

int64_t TokensOf(const json& arguments) {
  if (!arguments.contains("latent_hw")) return 0;
  const auto size = arguments.at("latent_hw").get<std::vector<int64_t>>();
  return (size[0] / 2) * (size[1] / 2);
}

TEST(TimestepSamplingTest, EveryModeMatchesTheReference) {
  const auto golden = LoadOracle("shared/timestep_sampling.safetensors");
  const json cases = LoadOracleJson("shared/timestep_sampling.json")["cases"];
  ASSERT_FALSE(cases.empty());
  for (const json& arguments : cases) {
    const std::string name = arguments.at("name");
    const FlowTimestepOptions options = OptionsOf(arguments);
    const Tensor draws = golden.at(DrawsNormal(options) ? "normal" : "uniform");
    const FlowTimesteps actual =
        FlowTimestepsFrom(options, draws, TokensOf(arguments));
    EXPECT_TENSOR_NEAR(actual.timesteps, golden.at(name + ".timesteps"),
                       kTolerance, kTolerance)
        << name;
    EXPECT_TENSOR_NEAR(actual.sigmas, golden.at(name + ".sigmas"), kTolerance,
                       kTolerance)
        << name;
  }
}

TEST(TimestepSamplingTest, ShiftsByResolutionMatchTheReference) {
  const json rows = LoadOracleJson("shared/timestep_sampling.json");
  for (const json& row : rows.at("flux_shift")) {
    const int64_t tokens = row.at("seq_len");
    const double mu = FluxMu(tokens);
    EXPECT_NEAR(mu, row.at("mu").get<double>(), 1e-9);
    for (const auto& [time, shifted] : row.at("time_shift").items()) {
      const Tensor sigma = torch::tensor(std::stod(time), torch::kFloat64);
      EXPECT_NEAR(TimeShift(sigma, mu).item<double>(), shifted.get<double>(),
                  1e-9);
    }
    for (const auto& [name, expected] : row.items()) {
      if (name.rfind("schedule_", 0) != 0) continue;
      const auto values = expected.get<std::vector<double>>();
      const bool shift = name.find("unshifted") == std::string::npos;
      EXPECT_TENSOR_NEAR(
          torch::tensor(FluxSchedule(values.size() - 1, tokens, shift)),
          torch::tensor(values), kTolerance, kTolerance)
          << name;
    }
  }
}

TEST(TimestepSamplingTest, LossWeightsMatchTheReference) {
  const json golden =
      LoadOracleJson("shared/timestep_sampling.json").at("loss_weighting");
  const Tensor sigmas =
      torch::tensor(golden.at("sigmas").get<std::vector<double>>());
  const std::map<std::string, FlowWeighting> names = {
      {"none", FlowWeighting::kNone},
      {"sigma_sqrt", FlowWeighting::kSigmaSqrt},
      {"cosmap", FlowWeighting::kCosmap}};
  for (const auto& [name, expected] : golden.at("weights").items()) {
    EXPECT_TENSOR_NEAR(FlowLossWeight(names.at(name), sigmas),
                       torch::tensor(expected.get<std::vector<double>>()),
                       kTolerance, kTolerance)
        << name;
  }
}

TEST(TimestepSamplingTest, ShiftedTableOfAllTimestepsMatchesTheReference) {
  const json golden = LoadOracleJson("shared/timestep_sampling.json");
  const std::string prefix = "sd3_model_sampling_sigmas_shift";
  for (const auto& [name, expected] : golden.items()) {
    if (name.rfind(prefix, 0) != 0) continue;
    const auto values = expected.get<std::vector<double>>();
    const int64_t count = static_cast<int64_t>(values.size());
    const Tensor sigma = torch::arange(1, count + 1, torch::kFloat64) / count;
    EXPECT_TENSOR_NEAR(
        ShiftedSigma(sigma, std::stod(name.substr(prefix.size()))),
        torch::tensor(values), kTolerance, kTolerance);
  }
}

}  // namespace
}  // namespace atelier::trainer::timestep_sampling_oracle
