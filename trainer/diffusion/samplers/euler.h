// Euler steps in sigma. The plan is EulerPlan.
//
// Source: Karras et al., "Elucidating the Design Space of Diffusion-Based
// Generative Models", 2022, algorithm 2 without churn.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor EulerSample(const SamplerOptions& options, const SamplerPlan& plan,
                   const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
