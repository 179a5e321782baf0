// Which timesteps a micro-batch is trained at.
#pragma once

#include "trainer/diffusion/options.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Turns uniform draws into integer timesteps, uniform in
// [min_timestep, max_timestep); all are max_timestep, or the last of the
// schedule, if that range is empty.
//
// Shapes: uniform [B] in [0, 1); returns [B] int64 in 0..999.
Tensor TimestepsFrom(const Tensor& uniform, const DiffusionOptions& options);

}  // namespace atelier::trainer
