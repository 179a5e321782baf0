// The loss of held-out images at fixed timesteps with fixed noise, of the
// weights and of every average, beside that of as many trained images; and what
// follows from it: the best checkpoint, the end of the run, a warning of
// overfitting.
//
// Nothing of it touches what training draws: a run with validation ends with
// the weights of one without.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "trainer/train/hooks/checkpoint.h"
#include "trainer/train/progress.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"
#include "trainer/train/train_step.h"

namespace atelier::trainer {

class ValidationHook {
 public:
  // All outlive this.
  ValidationHook(Training& training, CheckpointHook& checkpoints,
                 Reporter& reporter);

  // Validates where it is due and not done yet, enters the outcome into
  // `progress` and keeps the best checkpoint. A run that is asked to stop
  // meanwhile leaves it for the one that goes on from its state.
  // Errors: those of data and files.
  absl::Status AfterStep(Progress& progress);

  // Why the run ends before its time; empty: it goes on.
  std::string EndsRun(const Progress& progress) const;

 private:
  bool IsDue(const Progress& progress) const;
  // Errors: CANCELLED when asked to stop; those of data.
  absl::StatusOr<Validated> Measure();
  absl::Status MeasureRow(Validated::Row& row);
  // Mean losses by timestep.
  absl::StatusOr<std::vector<double>> Losses(const ProbedImages& images);
  absl::Status KeepBest(const Progress& progress);

  Training& training_;
  CheckpointHook& checkpoints_;
  Reporter& reporter_;
  TrainStep step_;
  int64_t done_ = 0;  // batches of the validation that goes on
  int64_t total_ = 0;
};

}  // namespace atelier::trainer
