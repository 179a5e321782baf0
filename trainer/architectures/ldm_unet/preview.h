// Sampling with classifier-free guidance.
#pragma once

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

struct PreviewTarget {
  int64_t latent_channels;
  torch::Device device;
};

// Draws latents [1, C, height / 8, width / 8] on the device, in fp32. The noise
// depends on the seed and the size only: the start is step 0 of the request's
// stream, sampler step i draws from step i + 1.
//
// Errors: INVALID_ARGUMENT: a side that is not a multiple of 8 or below 64,
// steps out of 1..1000, an unknown sampler.
absl::StatusOr<Tensor> DrawPreview(Denoiser& denoiser,
                                   const PreviewRequest& request,
                                   const SamplerOptions& sampling,
                                   const PreviewTarget& target);

}  // namespace atelier::trainer
