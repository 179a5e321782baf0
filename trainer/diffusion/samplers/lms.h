// Linear multistep of order 4 in sigma: the slopes of the last four steps as a
// polynomial, integrated. The plan is EulerPlan.
//
// Source: Crowson, k-diffusion, sample_lms.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor LmsSample(const SamplerOptions& options, const SamplerPlan& plan,
                 const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
