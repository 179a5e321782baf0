// What the DPM-Solver samplers share: their noise levels and where their steps
// stand.
//
// Source: Lu et al., "DPM-Solver", 2022.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

// A noise level as x = alpha * original + sigma * noise, and half the logarithm
// of its signal-to-noise ratio.
struct DpmLevel {
  // `relative_sigma` is sigma / alpha.
  explicit DpmLevel(double relative_sigma);

  double alpha;
  double sigma;
  double lambda;  // infinite without noise
};

// Whole timesteps, their noise levels, and a last level without noise.
SamplerPlan DpmPlan(const SamplerOptions& options);

// The same, but for the last level, which is the lowest of the schedule:
// predicted noise is of no use where there is none.
SamplerPlan DpmPlanToLowestSigma(const SamplerOptions& options);

}  // namespace atelier::trainer
