// What every family's previews have in common: sizes that can be drawn, and the
// noise that they start from.
#pragma once

#include <cstdint>

#include "absl/status/status.h"

#include "trainer/architectures/architecture.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Errors: INVALID_ARGUMENT: a side that is no multiple of side_step_px or below
// 64, steps out of 1..1000.
absl::Status CheckPreviewRequest(const PreviewRequest& request,
                                 int side_step_px);

// Standard normal noise that depends on the request's seed and size only: the
// start is step 0 of the seed's stream, sampler step i draws from step i + 1.
//
// Shapes: [1, latent_channels, height / 8, width / 8] fp32 on the CPU.
Tensor PreviewNoise(const PreviewRequest& request, int64_t latent_channels,
                    int64_t stream_step);

}  // namespace atelier::trainer
