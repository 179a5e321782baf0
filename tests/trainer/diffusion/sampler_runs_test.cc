// Previews' samplers against Diffusers', set up as sd-scripts does
// (sampler_runs.json, written by make_sampler_runs.py).
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "trainer/architectures/ldm_unet/preview.h"

namespace atelier::trainer::sampler_runs_test {
namespace {

using nlohmann::json;
using ::testing::DoubleNear;
using ::testing::Pointwise;

// fp32 arithmetic in another order; timesteps are written to four places.
constexpr double kTolerance = 2e-4;
constexpr double kTimestepTolerance = 2e-3;

json LoadRuns() {
  std::ifstream file(ATELIER_SAMPLER_RUNS);
  return json::parse(file);
}

Tensor ToTensor(const json& values) {
  return torch::tensor(values.get<std::vector<float>>()).view({1, 4, 2, 3});
}

// The linear denoiser of make_sampler_runs.py.
Tensor Denoise(const Tensor& x, double timestep) {
  const Tensor channels = torch::arange(x.size(1), x.options());
  return 0.6 * x - 0.3 * x.roll(-1, 1) + 0.2 * timestep / 1000 +
         0.05 * channels.view({1, -1, 1, 1});
}

SamplerOptions OptionsOf(const json& run) {
  DiffusionOptions options;
  if (run.at("prediction") == "v_prediction") {
    options.prediction_type = PredictionType::kVelocity;
  }
  PreviewRequest request;
  request.sampler = run.at("sampler");
  request.steps = run.at("steps");
  return PreviewSampling(options, MakeNoiseSchedule(false), request);
}

// Ancestral samplers draw in order, whatever the step.
struct Drawn {
  std::vector<double> timesteps;
  Tensor latents;
};
Drawn Draw(const json& file, const json& run, const Sampler& sampler) {
  const SamplerOptions options = OptionsOf(run);
  const SamplerPlan plan = sampler.plan(options);
  EXPECT_NEAR(plan.initial_scale, run.at("initial_scale").get<double>(),
              kTolerance);
  Drawn drawn;
  SamplerCalls calls;
  calls.predict = [&](const Tensor& x, double timestep) {
    drawn.timesteps.push_back(timestep);
    return Denoise(x, timestep);
  };
  calls.noise = [&](int64_t step) {
    return ToTensor(file.at("noise")[static_cast<size_t>(step)]);
  };
  drawn.latents = sampler.sample(
      options, plan, ToTensor(file.at("start")) * plan.initial_scale, calls);
  return drawn;
}

TEST(SamplerRunsTest, EverySamplerDrawsWhatTheReferenceDraws) {
  const json file = LoadRuns();
  ASSERT_FALSE(file.at("runs").empty());
  for (const json& run : file.at("runs")) {
    const std::string name = run.at("sampler");
    SCOPED_TRACE(name + " " + run.at("prediction").get<std::string>() + " " +
                 run.at("steps").dump());
    const auto sampler = FindSampler(name, /*is_flow=*/false);
    ASSERT_TRUE(sampler.ok()) << sampler.status();
    const Drawn drawn = Draw(file, run, **sampler);
    EXPECT_THAT(drawn.timesteps,
                Pointwise(DoubleNear(kTimestepTolerance),
                          run.at("timesteps").get<std::vector<double>>()));
    const Tensor expected = ToTensor(run.at("latents"));
    EXPECT_TRUE(drawn.latents.allclose(expected, kTolerance, kTolerance))
        << (drawn.latents - expected).abs().max();
  }
}

TEST(SamplerRunsTest, SamplersOfOneMeaningDrawAlike) {
  const json file = LoadRuns();
  for (const auto& [name, other] : {std::pair{"lms", "k_lms"},
                                    {"euler", "k_euler"},
                                    {"euler_a", "k_euler_a"},
                                    {"dpm_2", "k_dpm_2"},
                                    {"dpm_2_a", "k_dpm_2_a"}}) {
    json run = file.at("runs")[0];
    run["sampler"] = name;
    run["initial_scale"] = 14.6146469;
    const Drawn first = Draw(file, run, **FindSampler(name, false));
    run["sampler"] = other;
    const Drawn second = Draw(file, run, **FindSampler(other, false));
    EXPECT_TRUE(first.latents.equal(second.latents)) << other;
  }
}

}  // namespace
}  // namespace atelier::trainer::sampler_runs_test
