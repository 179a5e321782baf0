#include "trainer/diffusion/prediction.h"

namespace atelier::trainer {

Tensor PredictionTarget(PredictionType type, const NoiseSchedule& schedule,
                        const Tensor& latents, const Tensor& noise,
                        const Tensor& timesteps) {
  if (type == PredictionType::kEpsilon) return noise;
  return Velocity(schedule, latents, noise, timesteps);
}

Tensor OriginalOf(PredictionType type, const Tensor& output, const Tensor& x,
                  double alpha, double sigma) {
  if (type == PredictionType::kEpsilon) return (x - sigma * output) / alpha;
  return alpha * x - sigma * output;
}

Tensor NoiseOf(PredictionType type, const Tensor& output, const Tensor& x,
               double alpha, double sigma) {
  if (type == PredictionType::kEpsilon) return output;
  return alpha * output + sigma * x;
}

}  // namespace atelier::trainer
