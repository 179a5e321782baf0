// Euler sampling along a rectified flow.
#pragma once

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/rectified_flow/flow_family.h"
#include "trainer/diffusion/samplers/sampler.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The noise levels that a request asks for. `tokens` as in flow_timesteps.h.
SamplerOptions FlowSamplerOptions(const FlowPreview& family,
                                  const PreviewRequest& request,
                                  int64_t tokens);

// Shortens `guided` to at most `most` times the length of `positive`.
//
// Shapes: [1, C, h, w]; the length is that of the whole sample.
// Source: Lumina-Image 2.0, 2025 (CFG-Renorm).
Tensor Renormalised(const Tensor& guided, const Tensor& positive, double most);

// Draws latents [1, C, height / 8, width / 8] on the device, in fp32.
//
// Errors: INVALID_ARGUMENT: sides and steps that cannot be drawn, an unknown
// sampler.
absl::StatusOr<Tensor> DrawFlowPreview(Denoiser& denoiser,
                                       const PreviewRequest& request,
                                       const FlowFamily& family,
                                       torch::Device device);

}  // namespace atelier::trainer
