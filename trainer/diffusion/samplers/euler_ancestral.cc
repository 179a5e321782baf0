#include "trainer/diffusion/samplers/euler_ancestral.h"

#include <cmath>

#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {

Tensor EulerAncestralSample(const SamplerOptions& options,
                            const SamplerPlan& plan, const Tensor& x,
                            const SamplerCalls& calls) {
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    const double from = plan.sigmas[i];
    const double to = plan.sigmas[i + 1];
    const double up =
        std::sqrt(to * to * (from * from - to * to) / (from * from));
    const double down = std::sqrt(to * to - up * up);
    const Tensor original =
        DenoisedAt(options, calls, latents, from, plan.timesteps[i]);
    latents = latents + (latents - original) / from * (down - from);
    if (up > 0) latents = latents + calls.noise(i) * up;
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
