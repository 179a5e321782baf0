// Scaled dot-product attention over several heads.
#pragma once

#include <cstdint>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct AttentionOptions {
  int64_t heads = 1;
  bool causal = false;  // a query sees keys up to its own place
  Tensor mask;          // [B, Lk], 0 where a key is hidden; undefined: none is
};

// Shapes: q [B, Lq, H * D], k and v [B, Lk, H * D]; returns [B, Lq, H * D].
// Throws: c10::Error if the width is no multiple of the heads.
Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v,
              const AttentionOptions& options);

}  // namespace atelier::trainer
