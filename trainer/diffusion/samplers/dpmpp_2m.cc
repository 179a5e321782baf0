#include "trainer/diffusion/samplers/dpmpp_2m.h"

#include <cmath>

#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/dpm_levels.h"

namespace atelier::trainer {

Tensor Dpmpp2mSample(const SamplerOptions& options, const SamplerPlan& plan,
                     const Tensor& x, const SamplerCalls& calls) {
  const size_t steps = plan.timesteps.size();
  Tensor latents = x;
  Tensor previous;  // the original seen in the step before
  for (size_t i = 0; i < steps; ++i) {
    const DpmLevel from(plan.sigmas[i]);
    const DpmLevel to(plan.sigmas[i + 1]);
    const Tensor original = OriginalOf(
        options.prediction_type, calls.predict(latents, plan.timesteps[i]),
        latents, from.alpha, from.sigma);
    Tensor direction = original;
    if (i > 0 && i + 1 < steps) {
      const double ratio = (from.lambda - DpmLevel(plan.sigmas[i - 1]).lambda) /
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
