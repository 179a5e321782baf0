// One element of AdamW's update.
//
// Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019,
// algorithm 2, in the order of operations of torch.optim.AdamW.
#pragma once

#include <math.h>

#include "trainer/optim/element/host_device.h"

namespace atelier::trainer {

// What all elements of a parameter share in one step.
struct AdamWFactors {
  float grad_scale;  // every gradient is multiplied by it first
  float decay;       // 1 - lr * weight_decay
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
  float step_size;         // lr / (1 - beta1^step)
  float correction2_sqrt;  // sqrt(1 - beta2^step)
  float eps;
};

// The factors of update `step`, counted from 1.
inline AdamWFactors MakeAdamWFactors(double lr, double beta1, double beta2,
                                     double eps, double weight_decay,
                                     double step) {
  AdamWFactors factors;
  factors.grad_scale = 1.0f;
  factors.decay = static_cast<float>(1 - lr * weight_decay);
  factors.one_minus_beta1 = static_cast<float>(1 - beta1);
  factors.beta2 = static_cast<float>(beta2);
  factors.one_minus_beta2 = static_cast<float>(1 - beta2);
  factors.step_size = static_cast<float>(lr / (1 - pow(beta1, step)));
  factors.correction2_sqrt = static_cast<float>(sqrt(1 - pow(beta2, step)));
  factors.eps = static_cast<float>(eps);
  return factors;
}

ATELIER_HOST_DEVICE inline void AdamWElement(const AdamWFactors& factors,
                                             float raw_grad, float& weight,
                                             float& exp_avg,
                                             float& exp_avg_sq) {
  const float grad = raw_grad * factors.grad_scale;
  exp_avg += factors.one_minus_beta1 * (grad - exp_avg);
  exp_avg_sq =
      factors.beta2 * exp_avg_sq + factors.one_minus_beta2 * (grad * grad);
  const float root = sqrtf(exp_avg_sq) / factors.correction2_sqrt;
  weight = weight * factors.decay -
           factors.step_size * (exp_avg / (root + factors.eps));
}

}  // namespace atelier::trainer
