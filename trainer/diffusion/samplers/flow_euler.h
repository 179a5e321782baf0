// Euler steps along the straight path of a rectified flow; the denoiser
// predicts noise - latents.
//
// Source: Esser et al., "Scaling Rectified Flow Transformers", 2024.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

SamplerPlan FlowEulerPlan(const SamplerOptions& options);
Tensor FlowEulerSample(const SamplerOptions& options, const SamplerPlan& plan,
                       const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
