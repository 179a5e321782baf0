// The noise schedule of the Stable Diffusion family: how much signal is left at
// each of 1,000 timesteps.
//
// Shape letters: T timesteps of the schedule, B samples, [B, ...] latents.
#pragma once

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

inline constexpr int64_t kTrainTimesteps = 1000;

// Tables over the timestep, fp32 on the CPU.
//
// Shapes: each [T].
struct NoiseSchedule {
  Tensor betas;
  Tensor alphas_cumprod;
  Tensor snr;  // alphas_cumprod / (1 - alphas_cumprod)
};

// Scaled-linear betas from 0.00085 to 0.012. With `zero_terminal_snr` they are
// rescaled so that the last timestep has no signal (its SNR is exactly 0).
//
// Source: Rombach et al. 2022 (the betas); Lin et al., "Common Diffusion Noise
// Schedules and Sample Steps are Flawed", 2023, algorithm 1.
NoiseSchedule MakeNoiseSchedule(bool zero_terminal_snr);

// Entries of a table at `timesteps`, on the device of the timesteps.
//
// Shapes: table [T], timesteps [B] of integers; returns [B].
Tensor ValuesAt(const Tensor& table, const Tensor& timesteps);

// sqrt(a) x0 + sqrt(1 - a) noise, a being alphas_cumprod at the timestep.
//
// Shapes: latents, noise [B, ...], timesteps [B]; returns [B, ...].
Tensor AddNoise(const NoiseSchedule& schedule, const Tensor& latents,
                const Tensor& noise, const Tensor& timesteps);

// sqrt(a) noise - sqrt(1 - a) x0.
//
// Shapes: as AddNoise.
// Source: Salimans and Ho, "Progressive Distillation", 2022.
Tensor Velocity(const NoiseSchedule& schedule, const Tensor& latents,
                const Tensor& noise, const Tensor& timesteps);

}  // namespace atelier::trainer
