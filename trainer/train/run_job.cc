#include "trainer/train/run_job.h"

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"

#include "proto/cc/status_macros.h"
#include "trainer/job/failure.h"
#include "trainer/scalars/scalar_log.h"
#include "trainer/tensor/catch_torch.h"
#include "trainer/train/caching.h"
#include "trainer/train/mask_caching.h"
#include "trainer/train/output_folder.h"
#include "trainer/train/resume.h"
#include "trainer/train/trainer.h"

namespace atelier::trainer {
namespace {

// Where to begin: the state that this attempt goes on from, taken over, or the
// start.
absl::StatusOr<Progress> Begin(Training& training, const RunContext& context,
                               Reporter& reporter) {
  ASSIGN_OR_RETURN(
      const std::optional<std::string> state,
      FindStateToResume(training, context.output_dir,
                        context.continue_from_newest_state, reporter));
  if (!state.has_value()) return Progress();
  ASSIGN_OR_RETURN(const Progress progress,
                   LoadTrainingState(training, *state, reporter));
  reporter.set_step(progress.step);
  reporter.Send(Resumed{*state});
  return progress;
}

// Fills the caches on disk. Nothing is written to the output folder, so that it
// can go on beside the job that will train.
absl::Status WarmCaches(const v1::JobSpec& spec, const RunContext& context,
                        Reporter& reporter) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Training> training,
                   SetUpTraining(spec, context.tokenizer_dir, reporter,
                                 context.open_device));
  RETURN_IF_ERROR(CacheLatents(*training, reporter));
  return CacheTexts(*training, reporter);
}

absl::Status Run(const v1::JobSpec& spec, const RunContext& context,
                 Reporter& reporter) {
  if (spec.training().run().warm_cache()) {
    return WarmCaches(spec, context, reporter);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<OutputFolder> folder,
                   OutputFolder::Open(context.output_dir));
  ASSIGN_OR_RETURN(Manifest manifest, Manifest::Open(context.output_dir));
  ASSIGN_OR_RETURN(const std::unique_ptr<Training> training,
                   SetUpTraining(spec, context.tokenizer_dir, reporter,
                                 context.open_device));
  ASSIGN_OR_RETURN(SampleHook samples,
                   SampleHook::Make(*training, context.output_dir, reporter));
  RETURN_IF_ERROR(CacheLatents(*training, reporter));
  RETURN_IF_ERROR(CacheMasks(*training, reporter));
  RETURN_IF_ERROR(CacheTexts(*training, reporter));
  samples.EncodePrompts();
  ReleaseTextEncoders(*training);
  ASSIGN_OR_RETURN(const Progress progress,
                   Begin(*training, context, reporter));
  CheckpointHook checkpoints(*training, context.output_dir, std::move(manifest),
                             reporter);
  Trainer trainer(*training, progress, checkpoints, samples, context.output_dir,
                  reporter);
  return trainer.Run();
}

// The sink that writes scalars too, where logging_dir is given; else null.
absl::StatusOr<std::unique_ptr<ScalarLog>> OpenScalars(
    const v1::JobSpec& spec, const RunContext& context, EventSink& events) {
  const v1::RunOptions& run = spec.training().run();
  if (run.logging_dir().empty()) return std::unique_ptr<ScalarLog>();
  ScalarLogOptions options;
  options.logging_dir = run.logging_dir();
  if (run.has_log_with()) options.log_with = run.log_with();
  options.log_prefix = run.log_prefix();
  options.output_dir = context.output_dir;
  options.now = absl::Now;
  return ScalarLog::Open(std::move(options), events);
}

// Says what kind of thing gave out, where an exception was thrown for want of
// memory.
absl::Status MarkThrown(absl::Status status) {
  if (!absl::IsResourceExhausted(status)) return status;
  const bool device = absl::StrContains(status.message(), "device's memory");
  return MarkFailure(std::move(status), device ? kDeviceMemory : kHostMemory);
}

}  // namespace

absl::Status RunJob(const v1::JobSpec& spec, const RunContext& context,
                    EventSink& events, StopToken& stop) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ScalarLog> scalars,
                   OpenScalars(spec, context, events));
  Reporter reporter(scalars != nullptr ? *scalars : events, stop);
  absl::Status returned;
  const absl::Status thrown = CatchTorch([&] {
    returned = Run(spec, context, reporter);
    return absl::OkStatus();
  });
  return thrown.ok() ? returned : MarkThrown(thrown);
}

}  // namespace atelier::trainer
