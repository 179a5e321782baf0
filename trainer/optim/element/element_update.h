// The update of one parameter in one step, as plain memory: what the CPU's loop
// and the GPU's kernels take.
#pragma once

#include <stdint.h>

#include "trainer/optim/element/adamw_element.h"
#include "trainer/optim/element/lion_element.h"
#include "trainer/optim/element/momentum_element.h"
#include "trainer/optim/element/number_format.h"
#include "trainer/optim/element/schedule_free_element.h"

namespace atelier::trainer {

enum class UpdateRule : int32_t {
  kAdamW,            // states exp_avg, exp_avg_sq
  kLion,             // state exp_avg
  kMomentum,         // state momentum
  kScheduleFree,     // states z, exp_avg_sq
  kScheduleFreeSgd,  // state z
  kAssign,           // no state; the weight becomes the gradient, rounded
};

constexpr int kMaxStates = 2;

struct ElementUpdate {
  // Dense, all in the same order of elements. Owns: nothing; must not overlap.
  void* weight;
  const void* grad;
  void* state[kMaxStates];
  float* absmax[kMaxStates];  // of the blocks, with kBlocks8
  int64_t elements;
  // Random bits of stochastic rounding follow from it and the element's place.
  uint64_t rounding_key;
  UpdateRule rule;
  NumberFormat weight_format;
  NumberFormat grad_format;
  NumberFormat state_format;
  union Factors {
    AdamWFactors adamw;
    LionFactors lion;
    MomentumFactors momentum;
    ScheduleFreeFactors schedule_free;
  } factors;
};

// Each number that is rounded draws from a key of its own.
ATELIER_HOST_DEVICE inline uint64_t StateRoundingKey(uint64_t key, int state) {
  return key ^ (0xA0761D6478BD642Full * static_cast<uint64_t>(state + 1));
}

}  // namespace atelier::trainer
