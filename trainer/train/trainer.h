// The loop: epochs, steps, accumulation, and what is due after each.
//
//   step:  lr → [batch → loss / N → backward] × N → norm → clip → update →
//   event after: checkpoint and sample when due or asked for, at the end of an
//   epoch too
//
// The last group of an epoch may be short; it is a step like the others and its
// losses are divided by N all the same, as in accelerate.
#pragma once

#include <memory>

#include "trainer/data/loader.h"
#include "trainer/train/fused_update.h"
#include "trainer/train/hooks/checkpoint.h"
#include "trainer/train/hooks/divergence.h"
#include "trainer/train/hooks/metrics.h"
#include "trainer/train/hooks/sample.h"
#include "trainer/train/progress.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"
#include "trainer/train/train_step.h"

namespace atelier::trainer {

class Trainer {
 public:
  // All outlive this. `progress`: where to begin.
  Trainer(Training& training, const Progress& progress,
          CheckpointHook& checkpoints, SampleHook& samples, Reporter& reporter);

  // Errors: CANCELLED when asked to stop, the state saved where the job saves
  // states; OUT_OF_RANGE when loss or gradients are not finite; those of data
  // and files. Throws: what LibTorch throws.
  absl::Status Run();

 private:
  // What the micro-batches of a step came to. `whole` is false when it was
  // given up because the run was asked to stop: nothing is changed then.
  struct Gradients {
    bool whole = true;
    double loss = 0;
    int64_t images = 0;
    int64_t epoch = 0;
    double data_wait_seconds = 0;
  };

  absl::Status Loop();
  absl::StatusOr<bool> RunStep();
  absl::StatusOr<Gradients> Accumulate(Stopwatch& watch);
  // One batch whose weights are updated during its backward pass; says whether
  // they were.
  absl::StatusOr<bool> FusedStep(Gradients& gradients, Stopwatch& watch,
                                 double& grad_norm);
  bool NeedsNormFirst() const;
  absl::StatusOr<bool> Update(const Gradients& gradients, Stopwatch& watch,
                              double& grad_norm);
  absl::Status AfterStep();
  absl::Status Stop();
  void FreezeTextEncoders();
  void ClearGradients();
  bool scales_loss() const { return training_.loop.precision == torch::kHalf; }

  Training& training_;
  Progress progress_;
  CheckpointHook& checkpoints_;
  SampleHook& samples_;
  Reporter& reporter_;
  TrainStep step_;
  Divergence divergence_;
  GradScaler scaler_;
  Metrics metrics_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<FusedUpdate> fused_;  // null: the step comes after backward
};

}  // namespace atelier::trainer
