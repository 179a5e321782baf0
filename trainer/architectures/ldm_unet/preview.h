// Sampling with classifier-free guidance.
#pragma once

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

// A sampler as sd-scripts sets it up: clean latents clipped to [-1, 1] where
// the sampler can, timesteps from 0 on. Deviation: with zero_terminal_snr the
// steps are spaced backwards from the last timestep, which has no signal.
SamplerOptions PreviewSampling(const DiffusionOptions& options,
                               const NoiseSchedule& schedule,
                               const PreviewRequest& request);

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
