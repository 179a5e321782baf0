// Midpoint steps in sigma, the midpoint being the geometric mean; the last
// step, to no noise, is an Euler step. The ancestral form steps to below the
// next noise level, with its midpoint on that way, and adds fresh noise up to
// it. The plan is EulerPlan.
//
// Source: Crowson, k-diffusion, sample_dpm_2 and sample_dpm_2_ancestral.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor Dpm2Sample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls);
Tensor Dpm2AncestralSample(const SamplerOptions& options,
                           const SamplerPlan& plan, const Tensor& x,
                           const SamplerCalls& calls);

}  // namespace atelier::trainer
