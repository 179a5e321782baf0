// Changes of the training noise, as functions of their random draws.
//
// Shape letters: B samples, C channels, h, w latent cells.
#pragma once

#include <utility>
#include <vector>

#include "absl/types/span.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Adds an offset to each channel: noise + strength * draw. With a scale for the
// mean, the strength becomes max(0, strength + scale * |mean of the latents
// over h, w|).
//
// Shapes: noise and latents [B, C, h, w], strength of any shape that broadcasts
// with [B, C, 1, 1], draw [B, C, 1, 1] normal; returns [B, C, h, w].
// Source: Guttenberg, "Diffusion with Offset Noise", 2023.
Tensor WithNoiseOffset(const Tensor& noise, const Tensor& latents,
                       const Tensor& draw, const Tensor& strength,
                       double adaptive_scale);

// Heights and widths of the layers of multi-resolution noise, one for each
// uniform draw u: max(1, int(side / r^i)) with r = 2 + 2u. Ends early after the
// first layer with a side of 1.
std::vector<std::pair<int64_t, int64_t>> MultiresSizes(
    int64_t height, int64_t width, absl::Span<const double> uniform);

// Adds layers of coarser noise, layer i enlarged bilinearly and times
// discount^i, then divides by the standard deviation over the whole tensor.
//
// Shapes: noise [B, C, h, w], layer i [B, C, h', w'] normal of MultiresSizes;
// returns [B, C, h, w].
// Source: Whitaker, "Multi-Resolution Noise for Diffusion Model Training",
// 2023.
Tensor WithMultiresNoise(const Tensor& noise, absl::Span<const Tensor> layers,
                         double discount);

// noise + strength * draw: what is added to the latents when only the input is
// perturbed.
//
// Shapes: noise and draw [B, C, h, w], strength broadcasts.
// Source: Ning et al., "Input Perturbation Reduces Exposure Bias in Diffusion
// Models", 2023.
Tensor WithInputPerturbation(const Tensor& noise, const Tensor& draw,
                             const Tensor& strength);

}  // namespace atelier::trainer
