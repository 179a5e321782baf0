// DPM-Solver++(2M), midpoint form; the first and the last step are of first
// order. The plan is DpmPlan.
//
// Source: Lu et al., "DPM-Solver++", 2022, algorithm 2.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor Dpmpp2mSample(const SamplerOptions& options, const SamplerPlan& plan,
                     const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
