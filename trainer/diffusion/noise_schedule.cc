#include "trainer/diffusion/noise_schedule.h"

#include <cmath>

#include "trainer/tensor/device.h"

namespace atelier::trainer {
namespace {

constexpr double kBetaStart = 0.00085;  // Rombach et al. 2022
constexpr double kBetaEnd = 0.012;

// Shifts and scales sqrt(alphas_cumprod) so that its first entry stays and its
// last becomes 0, and returns the betas that give it.
Tensor BetasOfZeroTerminalSnr(const Tensor& betas) {
  Tensor root = torch::cumprod(1 - betas, 0).sqrt();
  const Tensor first = root[0].clone();
  const Tensor last = root[-1].clone();
  root = (root - last) * (first / (first - last));
  const Tensor cumulative = root.square();
  const Tensor alphas =
      torch::cat({cumulative.slice(0, 0, 1),
                  cumulative.slice(0, 1) / cumulative.slice(0, 0, -1)});
  return 1 - alphas;
}

// [B] as a factor of [B, ...].
Tensor OverSamples(const Tensor& values, const Tensor& like) {
  std::vector<int64_t> shape(like.dim(), 1);
  shape[0] = values.size(0);
  return SendTo(values, like.device()).reshape(shape);
}

}  // namespace

NoiseSchedule MakeNoiseSchedule(bool zero_terminal_snr) {
  NoiseSchedule schedule;
  schedule.betas = torch::linspace(std::sqrt(kBetaStart), std::sqrt(kBetaEnd),
                                   kTrainTimesteps, torch::kFloat32)
                       .square();
  if (zero_terminal_snr) {
    schedule.betas = BetasOfZeroTerminalSnr(schedule.betas);
  }
  schedule.alphas_cumprod = torch::cumprod(1 - schedule.betas, 0);
  const Tensor alpha = schedule.alphas_cumprod.sqrt();
  const Tensor sigma = (1 - schedule.alphas_cumprod).sqrt();
  schedule.snr = (alpha / sigma).square();
  return schedule;
}

Tensor ValuesAt(const Tensor& table, const Tensor& timesteps) {
  return SendTo(table, timesteps.device())
      .index_select(0, timesteps.to(torch::kInt64));
}

Tensor AddNoise(const NoiseSchedule& schedule, const Tensor& latents,
                const Tensor& noise, const Tensor& timesteps) {
  const Tensor a = ValuesAt(schedule.alphas_cumprod, timesteps);
  return OverSamples(a.sqrt(), latents) * latents +
         OverSamples((1 - a).sqrt(), latents) * noise;
}

Tensor Velocity(const NoiseSchedule& schedule, const Tensor& latents,
                const Tensor& noise, const Tensor& timesteps) {
  const Tensor a = ValuesAt(schedule.alphas_cumprod, timesteps);
  return OverSamples(a.sqrt(), latents) * noise -
         OverSamples((1 - a).sqrt(), latents) * latents;
}

}  // namespace atelier::trainer
