#include "trainer/diffusion/samplers/dpmpp_2m.h"

#include <cmath>

#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {
namespace {

// Whole timesteps. Linspace and leading divide the schedule into one part more
// than there are steps and leave the last out.
std::vector<double> DpmTimesteps(const SamplerOptions& options) {
  if (options.spacing == TimestepSpacing::kTrailing) {
    return SpacedTimesteps(options);
  }
  SamplerOptions one_more = options;
  one_more.steps = options.steps + 1;
  std::vector<double> timesteps = SpacedTimesteps(one_more);
  timesteps.pop_back();
  return Rounded(std::move(timesteps));
}

// A noise level as x = alpha * original + sigma * noise, and half the logarithm
// of its signal-to-noise ratio.
struct Level {
  explicit Level(double relative_sigma)
      : alpha(1 / std::sqrt(relative_sigma * relative_sigma + 1)),
        sigma(relative_sigma * alpha),
        lambda(-std::log(relative_sigma)) {}

  double alpha;
  double sigma;
  double lambda;  // infinite without noise
};

}  // namespace

SamplerPlan Dpmpp2mPlan(const SamplerOptions& options) {
  const std::vector<double> table = SigmaTable(options.schedule);
  SamplerPlan plan;
  if (options.karras_sigmas) {
    plan.sigmas = KarrasSigmas(table.back(), table.front(), options.steps);
    plan.timesteps = Rounded(TimestepsOfSigmas(table, plan.sigmas));
  } else {
    plan.timesteps = DpmTimesteps(options);
    plan.sigmas = SigmasAt(table, plan.timesteps);
  }
  plan.sigmas.push_back(0);
  return plan;
}

Tensor Dpmpp2mSample(const SamplerOptions& options, const SamplerPlan& plan,
                     const Tensor& x, const SamplerCalls& calls) {
  const size_t steps = plan.timesteps.size();
  Tensor latents = x;
  Tensor previous;  // the original seen in the step before
  for (size_t i = 0; i < steps; ++i) {
    const Level from(plan.sigmas[i]);
    const Level to(plan.sigmas[i + 1]);
    const Tensor original = OriginalOf(
        options.prediction_type, calls.predict(latents, plan.timesteps[i]),
        latents, from.alpha, from.sigma);
    Tensor direction = original;
    if (i > 0 && i + 1 < steps) {
      const double ratio = (from.lambda - Level(plan.sigmas[i - 1]).lambda) /
                           (to.lambda - from.lambda);
      direction = original + (original - previous) / (2 * ratio);
    }
    const double decay = std::exp(from.lambda - to.lambda) - 1;
    latents =
        latents * (to.sigma / from.sigma) - direction * (to.alpha * decay);
    previous = original;
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
