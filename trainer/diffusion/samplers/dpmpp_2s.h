// DPM-Solver++(2S), midpoint form: steps of first and second order take turns,
// the second beginning where the first did; the last step is of first order.
// The plan is DpmPlan.
//
// Source: Lu et al., "DPM-Solver++", 2022, algorithm 1.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor Dpmpp2sSample(const SamplerOptions& options, const SamplerPlan& plan,
                     const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
