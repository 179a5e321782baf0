// DPM-Solver-2 over the noise that is predicted, multistep, midpoint form; the
// first step is of first order, and the last in runs of fewer than 15 steps.
// The plan is DpmPlanToLowestSigma.
//
// Source: Lu et al., "DPM-Solver", 2022; the order of the last step as in
// Diffusers.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

Tensor DpmSolver2mSample(const SamplerOptions& options, const SamplerPlan& plan,
                         const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
