#include "trainer/diffusion/element_loss.h"

#include <cmath>

#include "trainer/tensor/device.h"

namespace atelier::trainer {
namespace {

// sqrt(d² + c²) - c.
Tensor PseudoHuber(const Tensor& difference, const Tensor& c) {
  return (difference.square() + c.square()).sqrt() - c;
}

}  // namespace

Tensor HuberThreshold(const DiffusionOptions& options,
                      const NoiseSchedule& schedule, const Tensor& timesteps) {
  const double c = options.huber_c;
  const double scale = options.huber_scale;
  switch (options.huber_schedule) {
    case HuberSchedule::kConstant:
      return torch::full_like(timesteps, c * scale, torch::kFloat32);
    case HuberSchedule::kExponential: {
      const double rate = std::log(c) / kTrainTimesteps;
      return (timesteps.to(torch::kFloat32) * rate).exp() * scale;
    }
    case HuberSchedule::kSnr:
      break;
  }
  const Tensor a = ValuesAt(schedule.alphas_cumprod, timesteps);
  const Tensor sigma = ((1 - a) / a).sqrt();
  return (1 - c) / (1 + sigma).square() + c;
}

Tensor ElementLoss(LossType type, const Tensor& output, const Tensor& target,
                   const Tensor& threshold) {
  const Tensor difference = output - target;
  if (type == LossType::kL2) return difference.square();
  if (type == LossType::kL1) return difference.abs();
  const Tensor c = SendTo(threshold, output.device()).view({-1, 1, 1, 1});
  const Tensor loss = 2 * PseudoHuber(difference, c);
  return type == LossType::kHuber ? c * loss : loss;
}

Tensor MaskedLoss(const Tensor& loss, const Tensor& mask) {
  const Tensor cells = torch::adaptive_avg_pool2d(
      SendTo(mask, loss.device()).to(loss.scalar_type()),
      {loss.size(2), loss.size(3)});  // [B, 1, h, w]
  return loss * cells;
}

}  // namespace atelier::trainer
