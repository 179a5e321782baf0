// The loss of every element of a prediction, before any weight.
//
// Shape letters: B samples, C channels, h, w latent cells, H, W pixels.
#pragma once

#include "trainer/diffusion/noise_schedule.h"
#include "trainer/diffusion/options.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The threshold c of huber and smooth_l1 for each sample: constant, falling
// exponentially from scale to huber_c * scale at timestep 1,000, or
// (1 - huber_c) / (1 + sigma)² + huber_c with sigma = sqrt((1 - a) / a).
//
// Shapes: timesteps [B]; returns [B] fp32.
// Source: Khrapov et al., "Improving Diffusion Models's Data-Corruption
// Resistance using Scheduled Pseudo-Huber Loss", 2024.
Tensor HuberThreshold(const DiffusionOptions& options,
                      const NoiseSchedule& schedule, const Tensor& timesteps);

// d = output - target: d² (l2), |d| (l1), 2c (sqrt(d² + c²) - c) (huber),
// 2 (sqrt(d² + c²) - c) (smooth_l1).
//
// Shapes: output, target [B, C, h, w] fp32, threshold [B], read by the last two
// types only; returns [B, C, h, w].
Tensor ElementLoss(LossType type, const Tensor& output, const Tensor& target,
                   const Tensor& threshold);

// Weighs the elements by a mask of pixels, averaged over the area of each
// latent cell. The mean later counts every element, masked or not.
//
// Shapes: loss [B, C, h, w], mask [B, 1, H, W]; returns [B, C, h, w].
Tensor MaskedLoss(const Tensor& loss, const Tensor& mask);

}  // namespace atelier::trainer
