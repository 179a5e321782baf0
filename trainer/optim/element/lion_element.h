// One element of Lion's update.
//
// Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023,
// algorithm 2; numbers of lion-pytorch.
#pragma once

#include "trainer/optim/element/host_device.h"

namespace atelier::trainer {

// What all elements of a parameter share in one step.
struct LionFactors {
  float grad_scale;  // every gradient is multiplied by it first
  float decay;       // 1 - lr * weight_decay
  float lr;
  float beta1;
  float one_minus_beta1;
  float beta2;
  float one_minus_beta2;
};

inline LionFactors MakeLionFactors(double lr, double beta1, double beta2,
                                   double weight_decay) {
  LionFactors factors;
  factors.grad_scale = 1.0f;
  factors.decay = static_cast<float>(1 - lr * weight_decay);
  factors.lr = static_cast<float>(lr);
  factors.beta1 = static_cast<float>(beta1);
  factors.one_minus_beta1 = static_cast<float>(1 - beta1);
  factors.beta2 = static_cast<float>(beta2);
  factors.one_minus_beta2 = static_cast<float>(1 - beta2);
  return factors;
}

ATELIER_HOST_DEVICE inline void LionElement(const LionFactors& factors,
                                            float raw_grad, float& weight,
                                            float& exp_avg) {
  const float grad = raw_grad * factors.grad_scale;
  const float direction =
      exp_avg * factors.beta1 + grad * factors.one_minus_beta1;
  const float sign =
      static_cast<float>(direction > 0) - static_cast<float>(direction < 0);
  weight = weight * factors.decay - factors.lr * sign;
  exp_avg = exp_avg * factors.beta2 + grad * factors.one_minus_beta2;
}

}  // namespace atelier::trainer
