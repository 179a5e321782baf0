#include "trainer/diffusion/samplers/dpm2.h"

#include <cmath>

#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {
namespace {

// The steps of one run, with what they need of its options.
class Dpm2Steps {
 public:
  Dpm2Steps(const SamplerOptions& options, const SamplerPlan& plan,
            const SamplerCalls& calls)
      : options_(options),
        plan_(plan),
        calls_(calls),
        table_(SigmaTable(options.schedule)) {}

  // From the i-th level to `to`; an Euler step where that has no noise.
  Tensor Step(const Tensor& x, size_t i, double to) const {
    const double from = plan_.sigmas[i];
    const Tensor slope = SlopeAt(x, from, plan_.timesteps[i]);
    if (to == 0) return x + slope * (to - from);
    const double middle = std::sqrt(from * to);
    const Tensor halfway = x + slope * (middle - from);
    const double timestep = TimestepsOfSigmas(table_, {middle}).front();
    return x + SlopeAt(halfway, middle, timestep) * (to - from);
  }

 private:
  Tensor SlopeAt(const Tensor& x, double sigma, double timestep) const {
    return (x - DenoisedAt(options_, calls_, x, sigma, timestep)) / sigma;
  }

  const SamplerOptions& options_;
  const SamplerPlan& plan_;
  const SamplerCalls& calls_;
  std::vector<double> table_;
};

}  // namespace

Tensor Dpm2Sample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls) {
  const Dpm2Steps steps(options, plan, calls);
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    latents = steps.Step(latents, i, plan.sigmas[i + 1]);
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

Tensor Dpm2AncestralSample(const SamplerOptions& options,
                           const SamplerPlan& plan, const Tensor& x,
                           const SamplerCalls& calls) {
  const Dpm2Steps steps(options, plan, calls);
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    const AncestralLevels levels =
        SplitAncestral(plan.sigmas[i], plan.sigmas[i + 1]);
    latents = steps.Step(latents, i, levels.down);
    if (levels.up > 0) latents = latents + calls.noise(i) * levels.up;
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
