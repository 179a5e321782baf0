#include "trainer/diffusion/samplers/euler_ancestral.h"

#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {

Tensor EulerAncestralSample(const SamplerOptions& options,
                            const SamplerPlan& plan, const Tensor& x,
                            const SamplerCalls& calls) {
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    const double from = plan.sigmas[i];
    const AncestralLevels levels = SplitAncestral(from, plan.sigmas[i + 1]);
    const Tensor original =
        DenoisedAt(options, calls, latents, from, plan.timesteps[i]);
    latents = latents + (latents - original) / from * (levels.down - from);
    if (levels.up > 0) latents = latents + calls.noise(i) * levels.up;
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
