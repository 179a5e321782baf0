// Weights of a sample's loss by the signal-to-noise ratio of its timestep.
//
// Shapes: every argument and result [B].
#pragma once

#include "trainer/diffusion/options.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// min(snr, gamma) / snr for epsilon, min(snr, gamma) / (snr + 1) for velocity.
//
// Source: Hang et al., "Efficient Diffusion Training via Min-SNR Weighting
// Strategy", 2023.
Tensor MinSnrWeight(const Tensor& snr, double gamma, PredictionType type);

// snr / (snr + 1): makes a velocity loss weigh as a noise loss. The ratio is
// capped at 1,000 here and in the two that follow, as the reference does.
Tensor VelocityLikeNoiseWeight(const Tensor& snr);

// loss + strength * loss / VelocityLikeNoiseWeight(snr), as a factor.
Tensor NoiseLikeVelocityWeight(const Tensor& snr, double strength);

// 1 / sqrt(snr) for epsilon, 1 / (snr + 1) for velocity.
//
// Source: Yu et al., "Unmasking Bias in Diffusion Model Training", 2023.
Tensor DebiasedWeight(const Tensor& snr, PredictionType type);

// All that the options ask for, in the order of the reference: min-SNR, scale
// like noise, velocity-like, debiased. Ones if they ask for none.
Tensor TimestepWeight(const Tensor& snr, const DiffusionOptions& options);

// The table with entries that are 0 (the last timestep of a schedule with zero
// terminal SNR) replaced by the smallest other, so that no weight is infinite.
//
// Shapes: [T], returns [T].
Tensor WithoutZeroSnr(const Tensor& snr_table);

}  // namespace atelier::trainer
