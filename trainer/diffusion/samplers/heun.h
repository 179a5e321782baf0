// Heun steps in sigma: the slope is the mean of those at both ends; the last
// step, to no noise, is an Euler step. The plan is EulerPlan.
//
// Source: Karras et al., "Elucidating the Design Space of Diffusion-Based
// Generative Models", 2022, algorithm 1.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor HeunSample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
