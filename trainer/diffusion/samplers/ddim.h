// DDIM without added noise (eta 0).
//
// Source: Song et al., "Denoising Diffusion Implicit Models", 2021,
// equation 12.
#pragma once

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

SamplerPlan DdimPlan(const SamplerOptions& options);
Tensor DdimSample(const SamplerOptions& options, const SamplerPlan& plan,
                  const Tensor& x, const SamplerCalls& calls);

}  // namespace atelier::trainer
