// One element of the optimizers that estimate their step size, in two parts:
// its gradient goes into moments and into what it adds to the sums behind the
// estimate; when the estimate is known its moments move the weight.
//
// Source: Mishchenko and Defazio, "Prodigy", 2023, algorithm 4; Defazio and
// Mishchenko, "Learning-Rate-Free Learning by D-Adaptation", 2023, algorithm 5,
// and its preprint.
#pragma once

#include <math.h>

#include "trainer/optim/element/host_device.h"

namespace atelier::trainer {

enum class EstimateRule { kProdigy, kDAdapt, kDAdaptPreprint };

// What all elements of a parameter share in one step.
struct EstimateFactors {
  float grad_scale;    // every gradient is multiplied by it first
  float weight_decay;  // added to the gradient, times the weight
  float beta1;
  float first_gain;  // of the gradient in the first moment
  float beta2;
  float second_gain;
  float sum_decay;
  float sum_gain;
  float eps;  // not read by Prodigy
};

struct EstimateState {
  float first;
  float second;
  float sum;
};

// What an element adds to the sums, before the factors that all share.
struct EstimateParts {
  float of_gradient;
  float of_sum;
  float of_squares;
};

ATELIER_HOST_DEVICE inline void AddToEstimateMoments(
    const EstimateFactors& factors, float grad, EstimateState& state) {
  state.first = state.first * factors.beta1 + grad * factors.first_gain;
  state.second =
      state.second * factors.beta2 + grad * grad * factors.second_gain;
}

// `start`: the weight before the first step; Prodigy's only.
template <EstimateRule rule>
ATELIER_HOST_DEVICE inline EstimateParts EstimateElement(
    const EstimateFactors& factors, float raw_grad, float weight, float start,
    EstimateState& state) {
  const float grad =
      raw_grad * factors.grad_scale + factors.weight_decay * weight;
  EstimateParts parts = {0, 0, 0};
  if (rule == EstimateRule::kProdigy) {
    parts.of_gradient = grad * (start - weight);
  }
  if (rule == EstimateRule::kDAdapt) {
    parts.of_gradient =
        grad * (state.sum / (sqrtf(state.second) + factors.eps));
  }
  AddToEstimateMoments(factors, grad, state);
  state.sum = state.sum * factors.sum_decay + grad * factors.sum_gain;
  parts.of_sum = fabsf(state.sum);
  if (rule == EstimateRule::kDAdaptPreprint) {
    const float root = sqrtf(state.second) + factors.eps;
    parts.of_gradient = grad * grad / root;
    parts.of_squares = state.sum * state.sum / root;
  }
  return parts;
}

// What all elements of a parameter share when the estimate is known.
struct EstimatedStepFactors {
  float decay;  // 1 - rate * weight_decay
  float step_size;
  float floor;  // added to the root of the second moment
};

ATELIER_HOST_DEVICE inline float EstimatedStepElement(
    const EstimatedStepFactors& factors, float weight, float first,
    float second) {
  return weight * factors.decay -
         factors.step_size * (first / (sqrtf(second) + factors.floor));
}

}  // namespace atelier::trainer
