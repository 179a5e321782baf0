// A batch in smaller ones, for a device that cannot hold the whole.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/data/batch.h"

namespace atelier::trainer {

// The samples of `batch` in their order, in as few parts of like size as have
// `most` samples at most; 0: one part, the batch itself. The tensors share its
// memory; its warnings are the first part's.
std::vector<Batch> SplitBatch(const Batch& batch, int64_t most);

}  // namespace atelier::trainer
