#include "trainer/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/train/hooks/ledger_file.h"
#include "trainer/train/resume.h"

namespace atelier::trainer {
namespace {

std::unique_ptr<Loader> MakeLoader(const Training& training,
                                   const Progress& progress) {
  LoaderOptions options;
  options.seed = training.loop.seed;
  options.threads =
      training.spec.training().dataset().max_data_loader_n_workers();
  options.gradient_accumulation_steps = training.loop.accumulation;
  options.max_train_steps = training.length.total_steps;
  options.start = progress.position;
  options.masks = training.masks.get();
  options.skip_corrupt_images =
      training.spec.training().dataset().skip_corrupt_images();
  return std::make_unique<Loader>(training.index, training.layout,
                                  training.latents.get(), options);
}

Divergence::Mode DivergenceMode(const Training& training) {
  if (training.guard.on_nonfinite) return Divergence::Mode::kGoBack;
  return training.loop.skip_nonfinite ? Divergence::Mode::kSkip
                                      : Divergence::Mode::kStop;
}

}  // namespace

Trainer::Trainer(Training& training, const Progress& progress,
                 CheckpointHook& checkpoints, SampleHook& samples,
                 const std::string& output_dir, Reporter& reporter)
    : training_(training),
      progress_(progress),
      checkpoints_(checkpoints),
      samples_(samples),
      reporter_(reporter),
      output_dir_(output_dir),
      step_(training.model, training.device, training.loop),
      validation_(training, checkpoints, reporter),
      watch_(training, checkpoints, reporter),
      guard_(training, output_dir, reporter),
      divergence_(DivergenceMode(training)),
      metrics_(training.length),
      loader_(MakeLoader(training, progress)),
      memory_(training) {
  step_.set_texts(training.texts.get());
  if (training.device.is_cpu()) step_.set_remembered_texts(&remembered_texts_);
  divergence_.skipped_in_row = progress.skipped_in_row;
  scaler_.LoadState(progress.scaler);
  if (training.loop.fused_update) {
    fused_ = std::make_unique<FusedUpdate>(*training.optimizer);
  }
}

absl::Status Trainer::Run() {
  training_.model.denoiser->train();
  for (const TextEncoder& encoder :
       training_.model.conditioner->TextEncoders()) {
    encoder.module->train();
  }
  FreezeTextEncoders();
  reporter_.set_step(progress_.step);
  if (progress_.step == 0) samples_.AtFirst();
  reporter_.EnterPhase("training", "", progress_.step,
                       training_.length.total_steps);
  const absl::Status ended = Loop();
  return absl::IsCancelled(ended) ? Stop() : ended;
}

absl::Status Trainer::Loop() {
  // A validation that the run before had to leave.
  RETURN_IF_ERROR(Validate());
  RETURN_IF_ERROR(guard_.Save(progress_, /*at_once=*/false));
  while (progress_.step < training_.length.total_steps &&
         validation_.EndsRun(progress_).empty()) {
    RETURN_IF_ERROR(reporter_.StopStatus());
    ASSIGN_OR_RETURN(const StepEnd end, RunStepInMemory());
    if (end == StepEnd::kGivenUp) return reporter_.StopStatus();
    if (end == StepEnd::kWentWrong) {
      RETURN_IF_ERROR(GoBack());
      continue;
    }
    const size_t frozen = training_.frozen.size();
    // Before a state is saved: it holds what a run resumed from it trains.
    FreezeTextEncoders();
    RETURN_IF_ERROR(AfterStep());
    // What is frozen cannot be thawed, so nothing goes back before that.
    const bool froze = training_.frozen.size() != frozen;
    RETURN_IF_ERROR(guard_.Save(progress_, /*at_once=*/froze));
  }
  return End();
}

absl::Status Trainer::Validate() {
  RETURN_IF_ERROR(validation_.AfterStep(progress_));
  watch_.AfterStep(progress_);
  return absl::OkStatus();
}

absl::Status Trainer::AfterStep() {
  // Before a state is saved, which holds what came of it.
  RETURN_IF_ERROR(Validate());
  const int64_t epoch = progress_.course.ended_epoch;
  RETURN_IF_ERROR(checkpoints_.AfterStep(progress_));
  if (reporter_.stop().TakeCheckpointRequest()) {
    RETURN_IF_ERROR(checkpoints_.OnRequest(progress_));
  }
  if (epoch > 0) RETURN_IF_ERROR(EndEpoch(epoch));
  samples_.AfterStep(progress_.step, epoch);
  if (reporter_.stop().TakeSampleRequest()) samples_.OnRequest(progress_.step);
  if (const auto diversity = samples_.TakeDiversity(); diversity.has_value()) {
    watch_.AfterSamples(progress_, *diversity);
  }
  return absl::OkStatus();
}

absl::Status Trainer::EndEpoch(int64_t epoch) {
  if (training_.loss_ledger) {
    RETURN_IF_ERROR(
        WriteLossLedger(training_, progress_, output_dir_, reporter_));
  }
  return checkpoints_.AfterEpoch(epoch, progress_);
}

absl::Status Trainer::GoBack() {
  ClearGradients();
  const std::string what =
      std::isfinite(gradients_.loss) && std::isfinite(gradients_.grad_norm)
          ? absl::StrCat("the loss of step ", progress_.step + 1, " is ",
                         gradients_.loss, ", a spike")
          : Divergence::Sentence(progress_.step + 1, gradients_.loss,
                                 gradients_.grad_norm);
  ASSIGN_OR_RETURN(progress_,
                   guard_.GoBack(progress_, gradients_.batches, what));
  divergence_.skipped_in_row = progress_.skipped_in_row;
  scaler_.LoadState(progress_.scaler);
  RewindLoader();
  reporter_.set_step(progress_.step);
  const int64_t epoch = progress_.position.epoch;
  RETURN_IF_ERROR(PassOverLeftOut());
  if (progress_.position.epoch != epoch) RETURN_IF_ERROR(EndEpoch(epoch));
  return guard_.Save(progress_, /*at_once=*/true);
}

void Trainer::RewindLoader() { loader_ = MakeLoader(training_, progress_); }

absl::Status Trainer::PassOverLeftOut() {
  const auto is_left_out = [this](const BatchPosition& next) {
    const std::vector<BatchPosition>& left_out = progress_.course.left_out;
    return std::any_of(
        left_out.begin(), left_out.end(), [&](const BatchPosition& batch) {
          return batch.epoch == next.epoch && batch.index == next.index;
        });
  };
  while (is_left_out(loader_->position())) {
    RETURN_IF_ERROR(loader_->Next().status());
  }
  progress_.position = loader_->position();
  return absl::OkStatus();
}

absl::Status Trainer::End() {
  const std::string why = validation_.EndsRun(progress_);
  if (!why.empty()) {
    reporter_.Warn(absl::StrCat("training ends after step ", progress_.step,
                                " of ", training_.length.total_steps, ": ",
                                why));
  }
  if (training_.loss_ledger && progress_.course.ended_epoch == 0) {
    RETURN_IF_ERROR(
        WriteLossLedger(training_, progress_, output_dir_, reporter_));
  }
  RETURN_IF_ERROR(checkpoints_.AtEnd(progress_));
  guard_.Remove();
  return absl::OkStatus();
}

absl::Status Trainer::Stop() {
  ClearGradients();
  RETURN_IF_ERROR(checkpoints_.OnStop(progress_));
  return absl::CancelledError("stopped as asked");
}

void Trainer::FreezeTextEncoders() {
  FreezeTextEncodersIfDue(training_, progress_.step);
  step_.set_trains_text_encoders(TrainsTextEncoders(training_));
}

}  // namespace atelier::trainer
