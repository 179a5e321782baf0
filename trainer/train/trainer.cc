#include "trainer/train/trainer.h"

#include <cmath>
#include <utility>
#include <vector>

#include "proto/cc/status_macros.h"
#include "trainer/optim/grad_norm.h"
#include "trainer/train/resume.h"

namespace atelier::trainer {
namespace {

LoaderOptions MakeLoaderOptions(const Training& training,
                                const Progress& progress) {
  LoaderOptions options;
  options.seed = training.loop.seed;
  options.threads =
      training.spec.training().dataset().max_data_loader_n_workers();
  options.gradient_accumulation_steps = training.loop.accumulation;
  options.max_train_steps = training.length.total_steps;
  options.start = progress.position;
  return options;
}

}  // namespace

Trainer::Trainer(Training& training, const Progress& progress,
                 CheckpointHook& checkpoints, SampleHook& samples,
                 Reporter& reporter)
    : training_(training),
      progress_(progress),
      checkpoints_(checkpoints),
      samples_(samples),
      reporter_(reporter),
      step_(training.model, training.device, training.loop),
      divergence_(training.loop.skip_nonfinite),
      metrics_(training.length),
      loader_(std::make_unique<Loader>(training.index, training.layout,
                                       training.latents.get(),
                                       MakeLoaderOptions(training, progress))) {
  step_.set_texts(training.texts.get());
  divergence_.skipped_in_row = progress.skipped_in_row;
  scaler_.LoadState(progress.scaler);
  if (!training.loop.fused_by_block) return;
  if (training.loop.accumulation == 1) {
    fused_ = std::make_unique<FusedUpdate>(*training.optimizer);
  } else {
    reporter.Warn(
        "blockwise_fused_optimizers saves nothing with "
        "gradient_accumulation_steps above 1, which keeps all gradients; the "
        "ordinary update is used");
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
  while (progress_.step < training_.length.total_steps) {
    RETURN_IF_ERROR(reporter_.StopStatus());
    ASSIGN_OR_RETURN(const bool whole, RunStep());
    if (!whole) return reporter_.StopStatus();
    // Before a state is saved: it holds what a run resumed from it trains.
    FreezeTextEncoders();
    RETURN_IF_ERROR(AfterStep());
  }
  return checkpoints_.AtEnd(progress_);
}

absl::StatusOr<bool> Trainer::RunStep() {
  Stopwatch watch;
  for (ParameterGroup& group : training_.optimizer->groups()) {
    group.lr = training_.schedule->At(progress_.schedule_step,
                                      training_.learning_rates.at(group.name));
  }
  ClearGradients();
  Gradients gradients;
  double grad_norm = 0;
  bool updated = false;
  if (fused_ != nullptr) {
    ASSIGN_OR_RETURN(updated, FusedStep(gradients, watch, grad_norm));
  } else {
    ASSIGN_OR_RETURN(gradients, Accumulate(watch));
    if (!gradients.whole) return false;
    ASSIGN_OR_RETURN(updated, Update(gradients, watch, grad_norm));
  }
  watch.Leave();

  ++progress_.step;
  if (updated) ++progress_.schedule_step;
  progress_.position = loader_->position();
  progress_.skipped_in_row = divergence_.skipped_in_row;
  progress_.scaler = scaler_.state();
  reporter_.set_step(progress_.step);
  StepDone done = metrics_.Describe(watch, gradients.images);
  done.epoch = gradients.epoch;
  done.loss = gradients.loss;
  done.grad_norm = grad_norm;
  done.skipped = !updated;
  done.data_wait_seconds = gradients.data_wait_seconds;
  done.smoothed_loss = progress_.smoothed_loss =
      Metrics::Smooth(progress_, gradients.loss);
  for (const ParameterGroup& group : training_.optimizer->groups()) {
    if (training_.frozen.count(group.name) > 0) continue;
    done.lr_groups[group.name] = group.lr;
  }
  done.lr = training_.optimizer->groups().front().lr;
  reporter_.Send(std::move(done));
  return true;
}

absl::StatusOr<Trainer::Gradients> Trainer::Accumulate(Stopwatch& watch) {
  Gradients result;
  const int64_t accumulation = training_.loop.accumulation;
  const double factor =
      (scales_loss() ? scaler_.scale() : 1) / static_cast<double>(accumulation);
  std::vector<Tensor> losses;
  bool epoch_goes_on = true;
  while (epoch_goes_on && std::ssize(losses) < accumulation) {
    if (reporter_.stop().stop_requested()) return Gradients{.whole = false};
    watch.Enter("data");
    ASSIGN_OR_RETURN(const Batch batch, loader_->Next());
    result.data_wait_seconds += loader_->last_wait_seconds();
    const BatchRng rng{training_.loop.seed,
                       static_cast<uint64_t>(progress_.step),
                       static_cast<uint64_t>(result.images)};
    const Tensor loss = step_.Loss(batch, rng, watch);
    watch.Enter("backward");
    (loss * factor).backward();
    losses.push_back(loss.detach());
    result.images += batch.size();
    result.epoch = batch.epoch;
    epoch_goes_on = loader_->position().epoch == batch.epoch;
  }
  result.loss = torch::stack(losses).to(torch::kFloat64).mean().item<double>();
  return result;
}

bool Trainer::NeedsNormFirst() const {
  return training_.loop.max_grad_norm > 0 || training_.loop.skip_nonfinite ||
         scales_loss();
}

absl::StatusOr<bool> Trainer::FusedStep(Gradients& gradients, Stopwatch& watch,
                                        double& grad_norm) {
  watch.Enter("data");
  ASSIGN_OR_RETURN(const Batch batch, loader_->Next());
  gradients.data_wait_seconds = loader_->last_wait_seconds();
  gradients.images = batch.size();
  gradients.epoch = batch.epoch;
  const BatchRng rng{training_.loop.seed, static_cast<uint64_t>(progress_.step),
                     0};
  const double loss_scale = scales_loss() ? scaler_.scale() : 1;
  const double unscale = scales_loss() ? scaler_.InverseScale() : 1;
  const auto backward = [&] {
    const Tensor loss = step_.Loss(batch, rng, watch);
    watch.Enter("backward");
    (loss * loss_scale).backward();
    fused_->End();
    gradients.loss = loss.detach().to(torch::kFloat64).item<double>();
    grad_norm = fused_->GradNorm() * unscale;
    return divergence_.Judge(gradients.loss, grad_norm, scales_loss());
  };
  double grad_scale = unscale;
  if (NeedsNormFirst()) {
    fused_->BeginMeasuring();
    const Divergence::Action action = backward();
    if (scales_loss()) scaler_.Update(std::isfinite(grad_norm));
    if (action == Divergence::Action::kStop) {
      return divergence_.Error(progress_.step + 1, gradients.loss, grad_norm);
    }
    if (action == Divergence::Action::kSkip) return false;
    grad_scale *= ClipFactor(grad_norm, training_.loop.max_grad_norm);
  }
  fused_->BeginUpdating(grad_scale);
  if (backward() != Divergence::Action::kApply) {
    return divergence_.Error(progress_.step + 1, gradients.loss, grad_norm);
  }
  return true;
}

absl::StatusOr<bool> Trainer::Update(const Gradients& gradients,
                                     Stopwatch& watch, double& grad_norm) {
  watch.Enter("optimizer");
  Optimizer& optimizer = *training_.optimizer;
  const double unscale = scales_loss() ? scaler_.InverseScale() : 1;
  grad_norm = GradNorm(optimizer.groups()) * unscale;
  const Divergence::Action action =
      divergence_.Judge(gradients.loss, grad_norm, scales_loss());
  if (scales_loss()) scaler_.Update(std::isfinite(grad_norm));
  if (action == Divergence::Action::kStop) {
    return divergence_.Error(progress_.step + 1, gradients.loss, grad_norm);
  }
  if (action == Divergence::Action::kSkip) return false;
  optimizer.Step(unscale * ClipFactor(grad_norm, training_.loop.max_grad_norm));
  return true;
}

absl::Status Trainer::AfterStep() {
  const bool ends_epoch = progress_.position.index == 0;
  const int64_t epoch = progress_.position.epoch - (ends_epoch ? 1 : 0);
  RETURN_IF_ERROR(checkpoints_.AfterStep(progress_));
  if (reporter_.stop().TakeCheckpointRequest()) {
    RETURN_IF_ERROR(checkpoints_.OnRequest(progress_));
  }
  if (ends_epoch) RETURN_IF_ERROR(checkpoints_.AfterEpoch(epoch, progress_));
  samples_.AfterStep(progress_.step, ends_epoch ? epoch : 0);
  if (reporter_.stop().TakeSampleRequest()) samples_.OnRequest(progress_.step);
  return absl::OkStatus();
}

absl::Status Trainer::Stop() {
  ClearGradients();
  RETURN_IF_ERROR(checkpoints_.OnStop(progress_));
  return absl::CancelledError("stopped as asked");
}

void Trainer::FreezeTextEncoders() {
  FreezeTextEncodersIfDue(training_, progress_.step);
  bool trains = false;
  for (const TrainedModule& trained : training_.trained) {
    trains = trains || (!trained.is_denoiser &&
                        training_.frozen.count(trained.name) == 0);
  }
  step_.set_trains_text_encoders(trains);
}

void Trainer::ClearGradients() {
  for (const ParameterGroup& group : training_.optimizer->groups()) {
    for (const NamedParameter& named : group.parameters) {
      named.parameter.mutable_grad().reset();
    }
  }
}

}  // namespace atelier::trainer
