// Where a model's weights live while it trains, and what its attention runs on.
#pragma once

#include <string>

#include "absl/status/status.h"

#include "trainer/train/setup.h"

namespace atelier::trainer {

// Chooses LibTorch's attention kernels as the job asks; returns which runs, and
// why where it is not what was asked for. Before the model is loaded.
// `compute_capability` as OpenedDevice has it.
std::string ChooseAttentionKernel(const Training& training,
                                  int compute_capability);

// Moves the model to the training's device, except for the blocks that wait in
// host memory, and switches recomputation on. Before the optimizer is made.
//
// Errors: INVALID_ARGUMENT for memory options that the architecture does not
// have or that exclude one another.
absl::Status PlaceModel(Training& training);

}  // namespace atelier::trainer
