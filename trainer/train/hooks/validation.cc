#include "trainer/train/hooks/validation.h"

#include <memory>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/status_macros.h"
#include "trainer/tensor/rng.h"
#include "trainer/train/evaluating.h"
#include "trainer/train/resume.h"
#include "trainer/train/stopwatch.h"

namespace atelier::trainer {
namespace {

constexpr char kWeights[] = "weights";

// The noise of every validation of every run: losses can be compared whatever
// the seeds were.
uint64_t NoiseSeed() {
  return Rng(0, RngPurpose::kValidation, 0, 0).NextUint64();
}

double MeanOf(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) /
         static_cast<double>(values.size());
}

}  // namespace

ValidationHook::ValidationHook(Training& training, CheckpointHook& checkpoints,
                               Reporter& reporter)
    : training_(training),
      checkpoints_(checkpoints),
      reporter_(reporter),
      step_(training.model, training.device, training.loop) {
  step_.set_texts(training.texts.get());
}

bool ValidationHook::IsDue(const Progress& progress) const {
  const ValidationOptions& options = training_.validate;
  const Course& course = progress.course;
  if (training_.validation == nullptr || progress.step == 0 ||
      course.validation.last_step == progress.step) {
    return false;
  }
  const bool by_step =
      options.every_n_steps > 0 && progress.step % options.every_n_steps == 0;
  const bool by_epoch = options.every_n_epochs > 0 && course.ended_epoch > 0 &&
                        course.ended_epoch % options.every_n_epochs == 0;
  return by_step || by_epoch || progress.step == training_.length.total_steps;
}

absl::Status ValidationHook::AfterStep(Progress& progress) {
  if (!IsDue(progress)) return absl::OkStatus();
  absl::StatusOr<Validated> validated = Measure();
  if (absl::IsCancelled(validated.status())) return absl::OkStatus();
  RETURN_IF_ERROR(validated.status());
  ValidationHistory& history = progress.course.validation;
  const bool is_best =
      history.Add(progress.step, validated->rows, training_.validate.min_delta);
  validated->best_loss = history.best_loss;
  validated->best_step = history.best_step;
  validated->best_weights = history.best_weights;
  validated->without_improvement = history.without_improvement;
  reporter_.Send(*std::move(validated));
  if (is_best && training_.validate.keep_best) {
    RETURN_IF_ERROR(KeepBest(progress));
  }
  reporter_.EnterPhase("training", "", progress.step,
                       training_.length.total_steps);
  return absl::OkStatus();
}

absl::Status ValidationHook::KeepBest(const Progress& progress) {
  const std::string& best = progress.course.validation.best_weights;
  std::unique_ptr<Ema::Use> use;
  if (training_.ema != nullptr) {
    for (size_t i = 0; i < training_.ema->size(); ++i) {
      if (training_.ema->NameOf(i) != best) continue;
      use = std::make_unique<Ema::Use>(*training_.ema, i);
      break;
    }
  }
  std::unique_ptr<EvalWeights> weights;
  if (use == nullptr) {
    weights = std::make_unique<EvalWeights>(*training_.optimizer);
  }
  return checkpoints_.SaveBest(progress);
}

absl::StatusOr<Validated> ValidationHook::Measure() {
  const Stopwatch watch;
  const ValidationSet& set = *training_.validation;
  const int64_t most = training_.validate.max_batches;
  const size_t averages = training_.ema == nullptr ? 0 : training_.ema->size();
  done_ = 0;
  total_ =
      std::ssize(set.held_out.Plan(most)) + std::ssize(set.trained.Plan(most));
  total_ *= static_cast<int64_t>(averages) + 1;
  reporter_.EnterPhase("validating", "", 0, total_);
  step_.set_trains_text_encoders(TrainsTextEncoders(training_));
  const Evaluating evaluating(training_.model);
  Validated validated;
  validated.timesteps = training_.validate.timesteps;
  for (const PlannedBatch& batch : set.held_out.Plan(most)) {
    validated.images += std::ssize(batch.images);
  }
  validated.rows.resize(averages + 1);
  validated.rows[0].weights = kWeights;
  {
    const EvalWeights weights(*training_.optimizer);
    RETURN_IF_ERROR(MeasureRow(validated.rows[0]));
  }
  for (size_t i = 0; i < averages; ++i) {
    validated.rows[i + 1].weights = training_.ema->NameOf(i);
    const Ema::Use use(*training_.ema, i);
    RETURN_IF_ERROR(MeasureRow(validated.rows[i + 1]));
  }
  validated.seconds = watch.total_seconds();
  return validated;
}

absl::Status ValidationHook::MeasureRow(Validated::Row& row) {
  const ValidationSet& set = *training_.validation;
  ASSIGN_OR_RETURN(row.losses, Losses(set.held_out));
  row.loss = MeanOf(row.losses);
  ASSIGN_OR_RETURN(row.train_losses, Losses(set.trained));
  row.train_loss = MeanOf(row.train_losses);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> ValidationHook::Losses(
    const ProbedImages& images) {
  const std::vector<double>& timesteps = training_.validate.timesteps;
  BatchRng rng;
  rng.seed = NoiseSeed();
  std::vector<double> means(timesteps.size());
  double count = 0;
  for (const PlannedBatch& plan : images.Plan(training_.validate.max_batches)) {
    ASSIGN_OR_RETURN(const Batch batch, images.Make(plan));
    rng.first_sample = static_cast<uint64_t>(plan.first_sample);
    const Tensor losses = step_.LossesAt(batch, timesteps, rng).sum(1);  // [T]
    for (size_t i = 0; i < means.size(); ++i) {
      means[i] += losses[static_cast<int64_t>(i)].item<double>();
    }
    count += static_cast<double>(batch.size());
    RETURN_IF_ERROR(reporter_.Progress(++done_, total_));
  }
  for (double& mean : means) mean /= count;
  return means;
}

std::string ValidationHook::EndsRun(const Progress& progress) const {
  const ValidationHistory& history = progress.course.validation;
  const int64_t patience = training_.validate.patience;
  if (patience > 0 && history.without_improvement >= patience) {
    return absl::StrFormat(
        "no lower validation loss in %d validations; the lowest was %.6g (%s) "
        "at step %d%s",
        history.without_improvement, history.best_loss, history.best_weights,
        history.best_step, checkpoints_.WhereToGoBack(history.best_step));
  }
  if (training_.on_overfit == OnOverfit::kStop &&
      !progress.course.warned.empty()) {
    return "on_overfit is stop";
  }
  return "";
}

}  // namespace atelier::trainer
