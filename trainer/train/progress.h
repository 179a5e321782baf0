// Where a run stands, between two optimizer steps: with the weights and the
// optimizer's state, everything that a resumed run needs to go on exactly.
#pragma once

#include <cstdint>

#include "trainer/data/batch_sampler.h"
#include "trainer/optim/grad_scaler.h"
#include "trainer/train/course.h"

namespace atelier::trainer {

struct Progress {
  // Optimizer steps done, those whose update was left out included.
  int64_t step = 0;
  // Place in the learning rate schedule: updates that were made.
  int64_t schedule_step = 0;
  // The next batch.
  BatchPosition position;
  double smoothed_loss = 0;
  int64_t skipped_in_row = 0;
  GradScaler::State scaler;
  Course course;
};

}  // namespace atelier::trainer
