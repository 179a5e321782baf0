#include "trainer/diffusion/samplers/dpm_solver_2m.h"

#include <cmath>

#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/dpm_levels.h"

namespace atelier::trainer {
namespace {

constexpr size_t kFewSteps = 15;  // below it the last step is of first order

}  // namespace

Tensor DpmSolver2mSample(const SamplerOptions& options, const SamplerPlan& plan,
                         const Tensor& x, const SamplerCalls& calls) {
  const size_t steps = plan.timesteps.size();
  Tensor latents = x;
  Tensor previous;  // the noise seen in the step before
  for (size_t i = 0; i < steps; ++i) {
    const DpmLevel from(plan.sigmas[i]);
    const DpmLevel to(plan.sigmas[i + 1]);
    const Tensor noise = NoiseOf(options.prediction_type,
                                 calls.predict(latents, plan.timesteps[i]),
                                 latents, from.alpha, from.sigma);
    const double step = to.lambda - from.lambda;
    Tensor direction = noise;
    if (i > 0 && (i + 1 < steps || steps >= kFewSteps)) {
      const double ratio =
          (from.lambda - DpmLevel(plan.sigmas[i - 1]).lambda) / step;
      direction = noise + (noise - previous) / (2 * ratio);
    }
    latents = latents * (to.alpha / from.alpha) -
              direction * (to.sigma * (std::exp(step) - 1));
    previous = noise;
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
