// What the loop does when a device's memory runs out within a step.
//
// Up to the first change of a weight a step is repeated from its beginning: the
// gradients so far are dropped, the loader goes back to the step's first batch,
// the device's allocator gives back what it keeps, and one thing more is given
// up (oom_relief.h). Weights, optimizer, counters and draws are those of a step
// that is run for the first time. Past that change the run ends.
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/memory/device_memory.h"
#include "trainer/train/trainer.h"

namespace atelier::trainer {

absl::StatusOr<Trainer::StepEnd> Trainer::RunStepInMemory() {
  while (true) {
    std::string what;
    try {
      return RunStep();
    } catch (const c10::OutOfMemoryError& error) {
      what = error.what_without_backtrace();
    }
    // The exception, and whatever it kept alive, is gone here.
    RETURN_IF_ERROR(RecoverMemory(what));
  }
}

absl::Status Trainer::RecoverMemory(const std::string& what) {
  const int64_t step = progress_.step + 1;
  if (changes_weights_ || (fused_ != nullptr && fused_->has_updated())) {
    return memory_.Error(step, what,
                         "; weights were being updated, so that the step "
                         "cannot be repeated: resume from a training state");
  }
  const std::optional<MemoryRelief> next =
      RecoversMemory() ? NextRelief(training_, samples_at_once_) : std::nullopt;
  if (!next.has_value()) {
    return memory_.Error(step, what,
                         training_.loop.recovers_memory
                             ? "; there is nothing left to give up"
                             : "");
  }
  reporter_.Warn(
      absl::StrCat("the device's memory ran out in step ", step, " (",
                   ShortenOutOfMemory(what), "; held: ", memory_.Parts(),
                   "); the step is repeated, and the run goes on, with ",
                   DescribeRelief(training_.relief, *next)));
  DropStep();
  EmptyDeviceCache(training_.device);
  RETURN_IF_ERROR(ApplyRelief(training_, *next));
  EmptyDeviceCache(training_.device);
  RewindLoader();
  tried_shapes_.clear();
  return absl::OkStatus();
}

void Trainer::DropStep() {
  BlockRunner* const runner = training_.model.denoiser->block_runner();
  if (runner != nullptr) {
    runner->Abandon();
    runner->TakeWaitSeconds();
  }
  if (fused_ != nullptr) fused_->Abandon();
  ClearGradients();
  losses_.Clear();
  gradients_ = Gradients();
  changes_weights_ = false;
  scaler_.LoadState(progress_.scaler);
  divergence_.skipped_in_row = progress_.skipped_in_row;
}

}  // namespace atelier::trainer
