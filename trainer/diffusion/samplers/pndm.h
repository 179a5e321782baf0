// Pseudo numerical methods: three Runge-Kutta steps, then a linear multistep of
// order 4. The plan is DdimPlan.
//
// Source: Liu et al., "Pseudo Numerical Methods for Diffusion Models on
// Manifolds", 2022 (F-PNDM). Deviation: runs of fewer than four steps, which
// Diffusers cannot do, are of first order.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor PndmSample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
