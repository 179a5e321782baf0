// One element of the schedule-free updates: the gradient is taken at y, which
// is the weight; z takes plain steps; x, the average that is saved and shown,
// is implied by both.
//
//   u = g / (sqrt(v) / sqrt(1 - beta2^k) + eps)   (or g: SGD, RAdam's start)
//   y = lerp(y, z, c) + lr (beta1 (1 - c) - 1) (u + decay y)
//   z = z - lr (u + decay y)
//
// Source: Defazio et al., "The Road Less Scheduled", 2024, algorithm 1 with y
// in place of x; numbers of the package schedulefree.
#pragma once

#include <math.h>

#include "trainer/optim/element/host_device.h"

namespace atelier::trainer {

// What all elements of a parameter share in one step.
struct ScheduleFreeFactors {
  float grad_scale;  // every gradient is multiplied by it first
  float beta2;       // 1 leaves the second moment alone
  float one_minus_beta2;
  // The gradient is divided by sqrt(v) * root_factor + floor: (0, 1) leaves it.
  float root_factor;
  float floor;
  float weight_decay;
  float average;  // c, the weight of this step in the average
  float y_step;   // lr (beta1 (1 - c) - 1), negative
  float z_step;   // lr
};

ATELIER_HOST_DEVICE inline void ScheduleFreeElement(
    const ScheduleFreeFactors& factors, float raw_grad, float& y, float& z,
    float& exp_avg_sq) {
  const float grad = raw_grad * factors.grad_scale;
  exp_avg_sq =
      factors.beta2 * exp_avg_sq + factors.one_minus_beta2 * (grad * grad);
  const float divisor = sqrtf(exp_avg_sq) * factors.root_factor + factors.floor;
  const float change = grad / divisor + factors.weight_decay * y;
  y = y + factors.average * (z - y) + factors.y_step * change;
  z = z - factors.z_step * change;
}

}  // namespace atelier::trainer
