// One element of gradient descent with momentum, Nesterov's or plain; weight
// decay is added to the gradient.
//
// Source: Sutskever et al., "On the importance of initialization and momentum
// in deep learning", 2013; numbers of torch.optim.SGD and, for plain momentum,
// of bitsandbytes' SGD8bit.
#pragma once

#include "trainer/optim/element/host_device.h"

namespace atelier::trainer {

// What all elements of a parameter share in one step.
struct MomentumFactors {
  float grad_scale;  // every gradient is multiplied by it first
  float weight_decay;
  float lr;
  float momentum;
  // The step is of_gradient * gradient + of_momentum * momentum.
  float of_gradient;
  float of_momentum;
};

inline MomentumFactors MakeMomentumFactors(double lr, double momentum,
                                           double weight_decay, bool nesterov) {
  MomentumFactors factors;
  factors.grad_scale = 1.0f;
  factors.weight_decay = static_cast<float>(weight_decay);
  factors.lr = static_cast<float>(lr);
  factors.momentum = static_cast<float>(momentum);
  factors.of_gradient = nesterov ? 1.0f : 0.0f;
  factors.of_momentum = nesterov ? static_cast<float>(momentum) : 1.0f;
  return factors;
}

ATELIER_HOST_DEVICE inline void MomentumElement(const MomentumFactors& factors,
                                                float raw_grad, float& weight,
                                                float& momentum) {
  const float grad =
      raw_grad * factors.grad_scale + factors.weight_decay * weight;
  momentum = momentum * factors.momentum + grad;
  weight -= factors.lr *
            (factors.of_gradient * grad + factors.of_momentum * momentum);
}

}  // namespace atelier::trainer
