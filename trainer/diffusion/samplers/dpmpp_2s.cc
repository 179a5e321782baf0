#include "trainer/diffusion/samplers/dpmpp_2s.h"

#include <cmath>

#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/dpm_levels.h"

namespace atelier::trainer {

Tensor Dpmpp2sSample(const SamplerOptions& options, const SamplerPlan& plan,
                     const Tensor& x, const SamplerCalls& calls) {
  const size_t steps = plan.timesteps.size();
  Tensor latents = x;
  Tensor start;     // where the step of first order began
  Tensor previous;  // the original seen there
  for (size_t i = 0; i < steps; ++i) {
    const DpmLevel here(plan.sigmas[i]);
    const DpmLevel to(plan.sigmas[i + 1]);
    const Tensor original = OriginalOf(
        options.prediction_type, calls.predict(latents, plan.timesteps[i]),
        latents, here.alpha, here.sigma);
    const bool is_second_order = i % 2 == 1 && i + 1 < steps;
    if (!is_second_order) start = latents;
    const DpmLevel from(plan.sigmas[is_second_order ? i - 1 : i]);
    const double step = to.lambda - from.lambda;
    Tensor direction = original;
    if (is_second_order) {
      const double ratio = (here.lambda - from.lambda) / step;
      direction = previous + (original - previous) / (2 * ratio);
    }
    latents = start * (to.sigma / from.sigma) -
              direction * (to.alpha * (std::exp(-step) - 1));
    previous = original;
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
