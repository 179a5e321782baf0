// What the denoiser learns to predict, and how to read the picture and the
// noise back out of a prediction.
#pragma once

#include "trainer/diffusion/noise_schedule.h"
#include "trainer/diffusion/options.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The noise itself, or the velocity.
//
// Shapes: latents, noise [B, ...], timesteps [B]; returns [B, ...].
Tensor PredictionTarget(PredictionType type, const NoiseSchedule& schedule,
                        const Tensor& latents, const Tensor& noise,
                        const Tensor& timesteps);

// The clean latents that a prediction stands for, where
// x = alpha * original + sigma * noise and alpha² + sigma² = 1.
//
// Shapes: output, x and the result alike.
Tensor OriginalOf(PredictionType type, const Tensor& output, const Tensor& x,
                  double alpha, double sigma);

// The noise that a prediction stands for; as OriginalOf.
Tensor NoiseOf(PredictionType type, const Tensor& output, const Tensor& x,
               double alpha, double sigma);

}  // namespace atelier::trainer
