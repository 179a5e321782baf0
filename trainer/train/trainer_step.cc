// One optimizer step of the loop in trainer.cc.
#include <cmath>
#include <utility>

#include "proto/cc/status_macros.h"
#include "trainer/optim/grad_norm.h"
#include "trainer/train/trainer.h"

namespace atelier::trainer {

void Trainer::SetLearningRates() {
  for (ParameterGroup& group : training_.optimizer->groups()) {
    group.lr = training_.schedule->At(progress_.schedule_step,
                                      training_.learning_rates.at(group.name));
  }
}

absl::StatusOr<Trainer::StepEnd> Trainer::RunStep() {
  Stopwatch watch;
  SetLearningRates();
  DropStep();
  memory_.BeginStep();
  Divergence::Action action = Divergence::Action::kSkip;
  // Parts of a batch need their gradients kept, and then the norm is there.
  const bool keeps_gradients =
      training_.loop.accumulation > 1 || training_.relief.micro_batch > 0;
  if (fused_ != nullptr && !keeps_gradients && NeedsNormFirst()) {
    ASSIGN_OR_RETURN(action, FusedStep(watch));
  } else {
    const bool in_backward = UpdatesInBackward();
    ASSIGN_OR_RETURN(const bool whole, Accumulate(watch));
    if (!whole) return StepEnd::kGivenUp;
    ASSIGN_OR_RETURN(action, in_backward ? JudgeFused() : Update(watch));
  }
  if (action == Divergence::Action::kGoBack) return StepEnd::kWentWrong;
  const bool updated = action == Divergence::Action::kApply;
  if (updated && training_.ema != nullptr) {
    watch.Enter("optimizer");
    training_.ema->Update(progress_.step + 1);
  }
  watch.Leave();
  RETURN_IF_ERROR(FinishStep(updated));
  Report(updated, watch);
  return StepEnd::kDone;
}

absl::Status Trainer::FinishStep(bool updated) {
  ++progress_.step;
  if (updated) {
    ++progress_.schedule_step;
    Remember();
  }
  RETURN_IF_ERROR(PassOverLeftOut());
  progress_.course.ended_epoch =
      progress_.position.epoch == gradients_.epoch ? 0 : gradients_.epoch;
  progress_.skipped_in_row = divergence_.skipped_in_row;
  progress_.scaler = scaler_.state();
  progress_.smoothed_loss = Metrics::Smooth(progress_, gradients_.loss);
  reporter_.set_step(progress_.step);
  return absl::OkStatus();
}

void Trainer::Remember() {
  Course& course = progress_.course;
  if (UsesSampleLosses()) {
    course.loss_ratios.Add(course.usual.Ratio(gradients_.samples));
  }
  course.grad_norms.Add(gradients_.grad_norm);
  for (const SampleLoss& sample : gradients_.samples) {
    course.usual.Add(sample.timestep, sample.loss);
    const double usual = course.usual.Usual(sample.timestep);
    course.ledger.Add(sample.image, sample.loss,
                      usual > 0 ? sample.loss / usual : 1);
  }
}

void Trainer::Report(bool updated, Stopwatch& watch) {
  StepDone done = metrics_.Describe(watch, gradients_.images);
  done.epoch = gradients_.epoch;
  done.loss = gradients_.loss;
  done.grad_norm = gradients_.grad_norm;
  done.skipped = !updated;
  done.data_wait_seconds = gradients_.data_wait_seconds;
  done.smoothed_loss = progress_.smoothed_loss;
  for (const ParameterGroup& group : training_.optimizer->groups()) {
    if (training_.frozen.count(group.name) > 0) continue;
    done.lr_groups[group.name] = group.lr;
  }
  done.lr = training_.optimizer->groups().front().lr;
  memory_.Describe(done);
  if (BlockRunner* runner = training_.model.denoiser->block_runner()) {
    done.swap_wait_seconds = runner->TakeWaitSeconds();
  }
  reporter_.Send(std::move(done));
}

absl::StatusOr<Batch> Trainer::NextBatch(Stopwatch& watch) {
  watch.Enter("data");
  gradients_.batches.push_back(loader_->position());
  ASSIGN_OR_RETURN(Batch batch, loader_->Next());
  for (const std::string& warning : batch.warnings) reporter_.Warn(warning);
  gradients_.data_wait_seconds += loader_->last_wait_seconds();
  return batch;
}

void Trainer::ReadStep(const std::vector<GradSquares>& squares) {
  StepLosses::Values values = losses_.Read(UsesSampleLosses(), squares);
  gradients_.loss = values.mean;
  gradients_.grad_norm = values.grad_norm;
  gradients_.samples = std::move(values.samples);
}

absl::StatusOr<bool> Trainer::Accumulate(Stopwatch& watch) {
  const int64_t accumulation = training_.loop.accumulation;
  const double factor =
      (scales_loss() ? scaler_.scale() : 1) / static_cast<double>(accumulation);
  bool epoch_goes_on = true;
  int64_t batches = 0;
  while (epoch_goes_on && batches < accumulation) {
    if (reporter_.stop().stop_requested()) return false;
    ASSIGN_OR_RETURN(const Batch batch, NextBatch(watch));
    epoch_goes_on = loader_->position().epoch == batch.epoch;
    const bool is_last = ++batches == accumulation || !epoch_goes_on;
    gradients_.epoch = batch.epoch;
    Backward(batch, factor, is_last && UpdatesInBackward(), watch);
  }
  return true;
}

bool Trainer::NeedsNormFirst() const {
  const LoopOptions& loop = training_.loop;
  if (loop.skip_nonfinite || scales_loss()) return true;
  if (loop.max_grad_norm <= 0) return false;
  return !loop.clip_by_previous_norm || progress_.course.grad_norms.size() == 0;
}

double Trainer::FusedScale() const {
  const double most = training_.loop.max_grad_norm;
  if (most <= 0) return 1;
  return ClipFactor(progress_.course.grad_norms.values().back(), most);
}

absl::StatusOr<Divergence::Action> Trainer::JudgeFused() {
  ReadStep(fused_->squares());
  const Divergence::Action action = Judge();
  if (action == Divergence::Action::kApply ||
      action == Divergence::Action::kGoBack) {
    return action;
  }
  return divergence_.Error(progress_.step + 1, gradients_.loss,
                           gradients_.grad_norm);
}

Divergence::Action Trainer::Judge() {
  const Divergence::Action action =
      divergence_.Judge(gradients_.loss, gradients_.grad_norm, scales_loss());
  if (action != Divergence::Action::kApply) return action;
  const Course& course = progress_.course;
  const bool is_spike =
      guard_.IsSpike(course, course.usual.Ratio(gradients_.samples));
  return is_spike ? Divergence::Action::kGoBack : action;
}

absl::StatusOr<Divergence::Action> Trainer::FusedStep(Stopwatch& watch) {
  ASSIGN_OR_RETURN(const Batch batch, NextBatch(watch));
  gradients_.images = batch.size();
  gradients_.epoch = batch.epoch;
  samples_at_once_ = batch.size();
  const BatchRng rng{training_.loop.seed, static_cast<uint64_t>(progress_.step),
                     0};
  const double loss_scale = scales_loss() ? scaler_.scale() : 1;
  const double unscale = scales_loss() ? scaler_.InverseScale() : 1;
  const auto backward = [&] {
    losses_.Clear();  // before: the passes are to need the same memory
    const BatchLoss loss = step_.Loss(batch, rng, watch);
    watch.Enter("backward");
    (loss.mean * loss_scale).backward();
    fused_->End();
    losses_.Add(batch, loss, 1);
    ReadStep(fused_->squares());
    gradients_.grad_norm *= unscale;
    return Judge();
  };
  fused_->BeginMeasuring();
  Divergence::Action action = backward();
  if (scales_loss()) scaler_.Update(std::isfinite(gradients_.grad_norm));
  if (action == Divergence::Action::kStop) {
    return divergence_.Error(progress_.step + 1, gradients_.loss,
                             gradients_.grad_norm);
  }
  if (action != Divergence::Action::kApply) return action;
  fused_->BeginUpdating(
      unscale * ClipFactor(gradients_.grad_norm, training_.loop.max_grad_norm));
  action = backward();
  if (action == Divergence::Action::kApply ||
      action == Divergence::Action::kGoBack) {
    return action;
  }
  return divergence_.Error(progress_.step + 1, gradients_.loss,
                           gradients_.grad_norm);
}

absl::StatusOr<Divergence::Action> Trainer::Update(Stopwatch& watch) {
  Optimizer& optimizer = *training_.optimizer;
  const double unscale = scales_loss() ? scaler_.InverseScale() : 1;
  ReadStep(SquaresOf(optimizer.groups()));
  gradients_.grad_norm *= unscale;
  watch.Enter("optimizer");
  const Divergence::Action action = Judge();
  if (scales_loss()) scaler_.Update(std::isfinite(gradients_.grad_norm));
  if (action == Divergence::Action::kStop) {
    return divergence_.Error(progress_.step + 1, gradients_.loss,
                             gradients_.grad_norm);
  }
  if (action == Divergence::Action::kApply) {
    changes_weights_ = true;
    optimizer.Step(unscale * ClipFactor(gradients_.grad_norm,
                                        training_.loop.max_grad_norm));
  }
  return action;
}

void Trainer::ClearGradients() {
  for (const ParameterGroup& group : training_.optimizer->groups()) {
    for (const NamedParameter& named : group.parameters) {
      named.parameter.mutable_grad().reset();
    }
  }
}

}  // namespace atelier::trainer
