// The loop: epochs, steps, accumulation, and what is due after each.
//
//   step:  lr → [batch → loss / N → backward] × N → norm → clip → update →
//   averages → event
//   after: validation, checkpoint and sample when due or asked for, at the end
//   of an epoch too; guard state
//   a step that goes wrong: back to the guard state, past its batches
//
// The last group of an epoch may be short; it is a step like the others and its
// losses are divided by N all the same, as in accelerate.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "trainer/data/loader.h"
#include "trainer/train/fused_update.h"
#include "trainer/train/hooks/checkpoint.h"
#include "trainer/train/hooks/divergence.h"
#include "trainer/train/hooks/guard.h"
#include "trainer/train/hooks/metrics.h"
#include "trainer/train/hooks/sample.h"
#include "trainer/train/hooks/validation.h"
#include "trainer/train/hooks/watch.h"
#include "trainer/train/progress.h"
#include "trainer/train/reporter.h"
#include "trainer/train/setup.h"
#include "trainer/train/step_losses.h"
#include "trainer/train/step_memory.h"
#include "trainer/train/train_step.h"

namespace atelier::trainer {

class Trainer {
 public:
  // All outlive this. `progress`: where to begin.
  Trainer(Training& training, const Progress& progress,
          CheckpointHook& checkpoints, SampleHook& samples,
          const std::string& output_dir, Reporter& reporter);

  // Errors: CANCELLED when asked to stop, the state saved where the job saves
  // states; OUT_OF_RANGE when loss or gradients are not finite; those of data
  // and files. Throws: what LibTorch throws.
  absl::Status Run();

 private:
  // What the micro-batches of a step came to.
  struct Gradients {
    double loss = 0;
    double grad_norm = 0;
    int64_t images = 0;
    int64_t epoch = 0;
    double data_wait_seconds = 0;
    std::vector<BatchPosition> batches;
    std::vector<SampleLoss> samples;
  };
  // How a step ended. Given up: the run was asked to stop, nothing is changed.
  enum class StepEnd { kDone, kGivenUp, kWentWrong };

  absl::Status Loop();
  absl::Status Validate();
  absl::Status AfterStep();
  absl::Status EndEpoch(int64_t epoch);
  absl::Status GoBack();
  absl::Status PassOverLeftOut();
  absl::Status End();
  absl::Status Stop();
  void FreezeTextEncoders();

  // In trainer_step.cc: one optimizer step.
  absl::StatusOr<StepEnd> RunStep();
  void SetLearningRates();
  // False when the run was asked to stop.
  absl::StatusOr<bool> Accumulate(Stopwatch& watch);
  absl::StatusOr<Batch> NextBatch(Stopwatch& watch);
  // Losses, and the norm of gradients with these squares.
  void ReadStep(const std::vector<GradSquares>& squares);
  // Whether anything asks for the losses of single samples.
  bool UsesSampleLosses() const {
    return training_.loss_ledger || training_.guard.spike_threshold.has_value();
  }
  // One batch whose weights are updated during its backward pass.
  absl::StatusOr<Divergence::Action> FusedStep(Stopwatch& watch);
  absl::StatusOr<Divergence::Action> Update(Stopwatch& watch);
  Divergence::Action Judge();
  bool NeedsNormFirst() const;
  bool UpdatesInBackward() const {
    return fused_ != nullptr && !NeedsNormFirst();
  }
  // What a fused update multiplies gradients by, by what is known before it.
  double FusedScale() const;
  absl::StatusOr<Divergence::Action> JudgeFused();
  absl::Status FinishStep(bool updated);
  void Remember();
  void Report(bool updated, Stopwatch& watch);
  void ClearGradients();

  // In trainer_backward.cc: one batch, in parts where memory is short.
  // `updates`: the fused update is made of this pass, or right behind it.
  void Backward(const Batch& batch, double factor, bool updates,
                Stopwatch& watch);
  void BackwardPart(const Batch& part, double factor, double share,
                    Stopwatch& watch);
  // Whether this pass is run for its memory first, with no update.
  bool TriesFirst(const Batch& batch);

  // In trainer_oom.cc: RunStep, until its memory suffices.
  absl::StatusOr<StepEnd> RunStepInMemory();
  absl::Status RecoverMemory(const std::string& what);
  bool RecoversMemory() const {
    return training_.loop.recovers_memory && !training_.device.is_cpu();
  }
  void DropStep();
  void RewindLoader();
  bool scales_loss() const { return training_.loop.precision == torch::kHalf; }

  Training& training_;
  Progress progress_;
  CheckpointHook& checkpoints_;
  SampleHook& samples_;
  Reporter& reporter_;
  std::string output_dir_;
  RememberedTexts remembered_texts_;
  TrainStep step_;
  ValidationHook validation_;
  Watch watch_;
  Guard guard_;
  Divergence divergence_;
  GradScaler scaler_;
  Metrics metrics_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<FusedUpdate> fused_;  // null: the step comes after backward
  Gradients gradients_;                 // of the step that goes on
  StepLosses losses_;
  StepMemory memory_;
  int64_t samples_at_once_ = 0;   // in the newest forward pass
  bool changes_weights_ = false;  // the step is not to be repeated any more
  // Shapes of batches whose fused update found its memory.
  std::set<std::vector<int64_t>> tried_shapes_;
};

}  // namespace atelier::trainer
