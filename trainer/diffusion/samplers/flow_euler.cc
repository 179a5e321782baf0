#include "trainer/diffusion/samplers/flow_euler.h"

#include <cmath>

namespace atelier::trainer {
namespace {

double FlowShifted(double sigma, double shift) {
  return shift * sigma / (1 + (shift - 1) * sigma);
}

// Evenly spaced between the ends of the training schedule, which are shifted
// themselves unless the shift follows the size of the picture.
std::vector<double> EvenSigmas(const SamplerOptions& options) {
  const double shift = options.flow_mu ? 1 : options.flow_shift;
  const double largest = FlowShifted(1, shift);
  const double smallest = FlowShifted(1.0 / kTrainTimesteps, shift);
  std::vector<double> sigmas;
  for (int64_t i = 0; i < options.steps; ++i) {
    const double ramp =
        options.steps > 1 ? static_cast<double>(i) / (options.steps - 1) : 0;
    sigmas.push_back(largest + ramp * (smallest - largest));
  }
  return sigmas;
}

}  // namespace

SamplerPlan FlowEulerPlan(const SamplerOptions& options) {
  SamplerPlan plan;
  plan.sigmas =
      options.flow_sigmas.empty() ? EvenSigmas(options) : options.flow_sigmas;
  for (double& sigma : plan.sigmas) {
    if (options.flow_mu) {
      const double e = std::exp(*options.flow_mu);
      sigma = e / (e + (1 / sigma - 1));
    } else {
      sigma = FlowShifted(sigma, options.flow_shift);
    }
    plan.timesteps.push_back(sigma * kTrainTimesteps);
  }
  plan.sigmas.push_back(0);
  return plan;
}

Tensor FlowEulerSample(const SamplerOptions&, const SamplerPlan& plan,
                       const Tensor& x, const SamplerCalls& calls) {
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    const Tensor velocity = calls.predict(latents, plan.timesteps[i]);
    latents = latents + velocity * (plan.sigmas[i + 1] - plan.sigmas[i]);
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
