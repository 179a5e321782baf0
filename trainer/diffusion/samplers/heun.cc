#include "trainer/diffusion/samplers/heun.h"

#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {

Tensor HeunSample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls) {
  const size_t steps = plan.timesteps.size();
  const auto slope_at = [&](const Tensor& at, size_t i) {
    const double sigma = plan.sigmas[i];
    Tensor original = DenoisedAt(options, calls, at, sigma, plan.timesteps[i]);
    if (options.clip_sample) original = original.clamp(-1, 1);
    return (at - original) / sigma;
  };
  Tensor latents = x;
  for (size_t i = 0; i < steps; ++i) {
    const double step = plan.sigmas[i + 1] - plan.sigmas[i];
    const Tensor slope = slope_at(latents, i);
    const Tensor guess = latents + slope * step;
    latents = i + 1 == steps
                  ? guess
                  : latents + (slope + slope_at(guess, i + 1)) * (step / 2);
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
