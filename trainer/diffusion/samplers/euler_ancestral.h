// Euler steps to below the next noise level, and fresh noise up to it. The plan
// is EulerPlan.
//
// Source: Crowson, k-diffusion, sample_euler_ancestral.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor EulerAncestralSample(const SamplerOptions& options,
                            const SamplerPlan& plan, const Tensor& x,
                            const SamplerCalls& calls);

}  // namespace atelier::trainer
