// Which weights a job trains, at what rates, and the optimizer over them.
#pragma once

#include "absl/status/status.h"

#include "trainer/train/setup.h"

namespace atelier::trainer {

// Fills trained, optimizer, learning_rates and schedule of a training whose
// model and length are known. Weights that are not trained no longer require
// gradients.
//
// Errors: INVALID_ARGUMENT naming the options that leave nothing to train, or
// that the optimizer cannot follow.
absl::Status MakeTrainingOptimizer(Training& training);

}  // namespace atelier::trainer
