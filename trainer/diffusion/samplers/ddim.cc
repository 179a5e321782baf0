#include "trainer/diffusion/samplers/ddim.h"

#include <algorithm>
#include <cmath>

#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/timesteps.h"

namespace atelier::trainer {

SamplerPlan DdimPlan(const SamplerOptions& options) {
  SamplerPlan plan;
  plan.timesteps = Rounded(SpacedTimesteps(options));
  return plan;
}

Tensor DdimSample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls) {
  const std::vector<double> table = AlphasCumprod(options.schedule);
  const double final_a = options.set_alpha_to_one ? 1 : table.front();
  const int64_t stride = kTrainTimesteps / options.steps;
  const PredictionType type = options.prediction_type;
  Tensor latents = x;
  for (size_t i = 0; i < plan.timesteps.size(); ++i) {
    const auto timestep = static_cast<int64_t>(plan.timesteps[i]);
    // Noise predictions say nothing where no signal is left; that is kept apart
    // from a division by zero.
    const double a = type == PredictionType::kEpsilon
                         ? std::max(table.at(timestep), kSmallestAlpha)
                         : table.at(timestep);
    const double next_a =
        timestep >= stride ? table.at(timestep - stride) : final_a;
    const double alpha = std::sqrt(a);
    const double sigma = std::sqrt(1 - a);
    const Tensor output = calls.predict(latents, plan.timesteps[i]);
    Tensor original = OriginalOf(type, output, latents, alpha, sigma);
    if (options.clip_sample) original = original.clamp(-1, 1);
    const Tensor noise = NoiseOf(type, output, latents, alpha, sigma);
    latents = std::sqrt(next_a) * original + std::sqrt(1 - next_a) * noise;
    if (calls.after_step) calls.after_step(i, latents);
  }
  return latents;
}

}  // namespace atelier::trainer
