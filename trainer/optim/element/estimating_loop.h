// The loops around estimating_element.h on the CPU, compiled as
// element_loop.h's.
#pragma once

#include <array>
#include <cstdint>

#include "trainer/optim/element/estimating_element.h"
#include "trainer/optim/element/number_format.h"

namespace atelier::trainer {

// Memory of one parameter; all dense and in the same order. Owns: nothing.
struct EstimateMemory {
  const void* grad = nullptr;
  const void* weight = nullptr;
  const float* start = nullptr;  // Prodigy's only
  float* first = nullptr;
  float* second = nullptr;
  float* sum = nullptr;
  NumberFormat grad_format = NumberFormat::kFloat32;
  NumberFormat weight_format = NumberFormat::kFloat32;
};

// Takes the gradients of elements [begin, end); returns what they add to the
// sums. Threads: ranges without common elements may run at once.
std::array<double, 3> TakeGradients(EstimateRule rule,
                                    const EstimateFactors& factors,
                                    const EstimateMemory& memory, int64_t begin,
                                    int64_t end);

// Writes what the weights [begin, end) become to `out`, whole.
void MoveByMoments(const EstimatedStepFactors& factors,
                   const EstimateMemory& memory, float* out, int64_t begin,
                   int64_t end);

}  // namespace atelier::trainer
