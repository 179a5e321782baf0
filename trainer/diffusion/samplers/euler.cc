#include "trainer/diffusion/samplers/euler.h"

#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {

Tensor EulerSample(const SamplerOptions& options, const SamplerPlan& plan,
                   const Tensor& x, const SamplerCalls& calls) {
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    const double sigma = plan.sigmas[i];
    const Tensor original =
        DenoisedAt(options, calls, latents, sigma, plan.timesteps[i]);
    const Tensor slope = (latents - original) / sigma;
    latents = latents + slope * (plan.sigmas[i + 1] - sigma);
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
