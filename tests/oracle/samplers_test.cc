// Sampler trajectories of a linear toy denoiser.
#include "tests/support/oracle.h"
#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer::samplers_oracle {
namespace {

using nlohmann::json;
using testing::LoadOracle;
using testing::LoadOracleJson;

constexpr double kTolerance = 1e-4;

// Diffusers' names and defaults for each sampler.
struct Reference {
  const char* scheduler;
  const char* sampler;
  TimestepSpacing spacing;
  bool is_flow;
};
constexpr Reference kReferences[] = {
    {"DDIMScheduler", "ddim", TimestepSpacing::kLeading, false},
    {"EulerDiscreteScheduler", "euler", TimestepSpacing::kLinspace, false},
    {"EulerAncestralDiscreteScheduler", "euler_a", TimestepSpacing::kLinspace,
     false},
    {"DPMSolverMultistepScheduler", "dpmsolver++", TimestepSpacing::kLinspace,
     false},
    {"FlowMatchEulerDiscreteScheduler", "euler", TimestepSpacing::kLinspace,
     true},
};

const Reference& ReferenceOf(const json& setting) {
  const std::string name = setting.at("scheduler");
  for (const Reference& reference : kReferences) {
    if (reference.scheduler == name) return reference;
  }
  ADD_FAILURE() << "no sampler stands for " << name;
  return kReferences[0];
}

void ReadFlow(const json& setting, SamplerOptions& options) {
  options.flow_shift = setting.at("config").at("shift");
  const json& steps = setting.at("set_timesteps");
  if (steps.contains("mu")) options.flow_mu = steps.at("mu").get<double>();
  if (!steps.at("custom_sigmas").is_null()) {
    options.flow_sigmas = steps.at("custom_sigmas").get<std::vector<double>>();
  }
}

SamplerOptions OptionsOf(const json& setting, int64_t steps) {
  const Reference& reference = ReferenceOf(setting);
  const json& config = setting.at("config");
  SamplerOptions options;
  options.steps = steps;
  if (reference.is_flow) {
    ReadFlow(setting, options);
    return options;
  }
  options.prediction_type = config.at("prediction_type") == "epsilon"
                                ? PredictionType::kEpsilon
                                : PredictionType::kVelocity;
  options.schedule =
      MakeNoiseSchedule(config.value("rescale_betas_zero_snr", false));
  options.spacing = reference.spacing;
  if (config.contains("timestep_spacing")) {
    options.spacing = config.at("timestep_spacing") == "trailing"
                          ? TimestepSpacing::kTrailing
                          : TimestepSpacing::kLeading;
  }
  options.steps_offset = config.value("steps_offset", 0);
  options.karras_sigmas = config.value("use_karras_sigmas", false);
  options.clip_sample = config.value("clip_sample", true);
  options.set_alpha_to_one = config.value("set_alpha_to_one", true);
  return options;
}

class SamplersTest : public ::testing::Test {
 protected:
  SamplersTest() : golden_(LoadOracle("shared/samplers.safetensors")) {}

  const Tensor& At(const std::string& name) const { return golden_.at(name); }

  // out[o] = sum_c mix[o, c] x[c] + bias[o] t / 1000.
  Tensor ToyOutput(const Tensor& x, double timestep) const {
    return torch::einsum("oc,bchw->bohw", {At("mix"), x}) +
           (At("bias") * (timestep / 1000)).view({1, -1, 1, 1});
  }

  // The latents before the first and after every step.
  Tensor Trajectory(const Sampler& sampler, const SamplerOptions& options,
                    const SamplerPlan& plan) const {
    std::vector<Tensor> rows = {At("start_noise") * plan.initial_scale};
    SamplerCalls calls;
    calls.predict = [&](const Tensor& x, double t) { return ToyOutput(x, t); };
    calls.noise = [&](int64_t step) { return At("ancestral_noise")[step]; };
    calls.after_step = [&](int64_t, const Tensor& x) { rows.push_back(x); };
    const Tensor last = sampler.sample(options, plan, rows.front(), calls);
    EXPECT_TRUE(last.equal(rows.back()));
    return torch::cat(rows);
  }

  void Check(const std::string& name, const json& setting) const {
    SCOPED_TRACE(name);
    const Reference& reference = ReferenceOf(setting);
    const auto sampler = FindSampler(reference.sampler, reference.is_flow);
    ASSERT_TRUE(sampler.ok()) << sampler.status();
    const Tensor& timesteps = At(name + ".timesteps");
    const SamplerOptions options = OptionsOf(setting, timesteps.size(0));
    const SamplerPlan plan = (*sampler)->plan(options);
    EXPECT_TENSOR_NEAR(torch::tensor(plan.timesteps), timesteps, kTolerance,
                       kTolerance);
    if (golden_.count(name + ".sigmas") > 0) {
      EXPECT_TENSOR_NEAR(torch::tensor(plan.sigmas), At(name + ".sigmas"),
                         kTolerance, kTolerance);
    }
    if (setting.contains("init_noise_sigma")) {
      const double scale = setting.at("init_noise_sigma");
      EXPECT_NEAR(plan.initial_scale, scale, kTolerance * scale);
    }
    EXPECT_TENSOR_NEAR(Trajectory(**sampler, options, plan),
                       At(name + ".trajectory"), kTolerance, kTolerance);
  }

  std::map<std::string, Tensor> golden_;
};

TEST_F(SamplersTest, EveryTrajectoryMatchesTheReference) {
  const json settings = LoadOracleJson("shared/samplers.json");
  ASSERT_FALSE(settings.empty());
  for (const auto& [name, setting] : settings.items()) Check(name, setting);
}

}  // namespace
}  // namespace atelier::trainer::samplers_oracle
