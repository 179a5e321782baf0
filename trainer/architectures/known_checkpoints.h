// Says in words what a checkpoint seems to be, for errors about one that is not
// what was asked for.
#pragma once

#include <string>

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

// `a LoRA, which is an addition to a model`; for unknown ones their number of
// tensors and the first name.
std::string DescribeCheckpoint(const TensorIndex& index);

}  // namespace atelier::trainer
