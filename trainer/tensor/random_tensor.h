// Random tensors from counter-based streams, one stream for each row.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/tensor/rng.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The draws of one micro-batch: row i of every tensor comes from the stream
// (seed, purpose, step, first_sample + i) and does not depend on the batch it
// stands in.
struct BatchRng {
  uint64_t seed = 0;
  uint64_t step = 0;
  uint64_t first_sample = 0;

  // Shapes: [B, ...] fp32 on the CPU. `index` tells streams of one purpose
  // apart (below 1,024).
  Tensor Normal(RngPurpose purpose, at::IntArrayRef shape,
                uint32_t index = 0) const;
  Tensor Uniform(RngPurpose purpose, at::IntArrayRef shape,
                 uint32_t index = 0) const;
};

}  // namespace atelier::trainer
