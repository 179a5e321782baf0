// Page-locked host memory, from and to which devices copy beside the host.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// One uint8 tensor for each size, in order.
//
// LibTorch rounds every piece of pinned memory up to a power of two, so several
// of these share a piece where that wastes less. Throws: c10::Error where there
// is not enough.
std::vector<Tensor> PinnedMemory(const std::vector<int64_t>& sizes);

}  // namespace atelier::trainer
