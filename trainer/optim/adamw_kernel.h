// AdamW over a range of memory. Compiled without LibTorch and with its own
// flags, so that the loop is vectorised in every build.
#pragma once

#include <cstdint>

#include "trainer/optim/adamw_element.h"

namespace atelier::trainer {

// Memory of one parameter. Owns: nothing; the ranges must not overlap.
struct AdamWRange {
  float* weight;
  float* exp_avg;
  float* exp_avg_sq;
  int64_t begin;
  int64_t end;
};

// Updates elements [begin, end). The result of an element does not depend on
// the range it is updated in. Threads: ranges without common elements may run
// at once.
void AdamWUpdate(const AdamWFactors& factors, const AdamWRange& range,
                 const float* grad);
// The same for a gradient in bfloat16, given as its bits.
void AdamWUpdate(const AdamWFactors& factors, const AdamWRange& range,
                 const uint16_t* bf16_grad);

}  // namespace atelier::trainer
