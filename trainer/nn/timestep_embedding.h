// Sinusoidal features of a number: a timestep, or a size in pixels.
#pragma once

#include <cstdint>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct TimestepEmbeddingOptions {
  bool cos_first = true;  // [cos, sin]; else [sin, cos]
  double max_period = 10000;
  double frequency_shift =
      0;  // frequency i is max_period^(-i / (half - shift))
};

// Shapes: timesteps [B] of any type; returns [B, width] in fp32. An odd width
// ends with a zero. Source: "Denoising Diffusion Probabilistic Models", 2020,
// appendix B, as in the latent diffusion code.
Tensor TimestepEmbedding(const Tensor& timesteps, int64_t width,
                         const TimestepEmbeddingOptions& options = {});

}  // namespace atelier::trainer
