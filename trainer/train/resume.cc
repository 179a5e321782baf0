#include "trainer/train/resume.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/checkpoint/training_state.h"
#include "trainer/train/record.h"
#include "trainer/train/same_run.h"

namespace atelier::trainer {
namespace {

using Json = nlohmann::json;

// Every parameter of the trained modules by its name in the optimizer.
std::map<std::string, Tensor> TrainedWeights(const Training& training) {
  std::map<std::string, Tensor> weights;
  for (const TrainedModule& trained : training.trained) {
    for (const auto& item : trained.module->named_parameters()) {
      weights[absl::StrCat(trained.name, ".", item.key())] =
          item.value().detach();
    }
  }
  return weights;
}

TrainingProgress ToSaved(
    const Progress& progress, uint64_t seed,
    const std::map<std::string, std::string>& fingerprint) {
  TrainingProgress saved;
  saved.step = progress.step;
  saved.epoch = progress.position.epoch - 1;
  saved.position_in_epoch = progress.position.index;
  saved.seed = seed;
  const Json print = fingerprint;
  saved.options_digest = Sha256Of(print.dump());
  saved.extra = {{"schedule_step", progress.schedule_step},
                 {"smoothed_loss", progress.smoothed_loss},
                 {"skipped_in_row", progress.skipped_in_row},
                 {"loss_scale", progress.scaler.scale},
                 {"loss_scale_good_steps", progress.scaler.good_steps},
                 {"course", CourseToJson(progress.course)},
                 {"fingerprint", print}};
  return saved;
}

// The reverse. Errors: DATA_LOSS.
absl::StatusOr<Progress> FromSaved(const TrainingProgress& saved) {
  const Json& extra = saved.extra;
  for (const char* key : {"schedule_step", "smoothed_loss", "skipped_in_row",
                          "loss_scale", "loss_scale_good_steps"}) {
    if (!extra.contains(key) || !extra[key].is_number()) {
      return absl::DataLossError(absl::StrCat("state.json lacks `", key, "`"));
    }
  }
  Progress progress;
  progress.step = saved.step;
  progress.position = {saved.epoch + 1, saved.position_in_epoch};
  progress.schedule_step = extra["schedule_step"].get<int64_t>();
  progress.smoothed_loss = extra["smoothed_loss"].get<double>();
  progress.skipped_in_row = extra["skipped_in_row"].get<int64_t>();
  progress.scaler = {extra["loss_scale"].get<double>(),
                     extra["loss_scale_good_steps"].get<int64_t>()};
  ASSIGN_OR_RETURN(progress.course,
                   CourseFromJson(extra.value("course", Json::object())));
  return progress;
}

absl::StatusOr<std::map<std::string, Tensor>> ReadTensors(
    const CheckpointSource& source) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, info] : source.index()) {
    ASSIGN_OR_RETURN(tensors[name], source.Read(name));
  }
  return tensors;
}

absl::Status LoadWeights(Training& training, const std::string& path) {
  ASSIGN_OR_RETURN(const auto source, OpenCheckpoint(path));
  ASSIGN_OR_RETURN(const auto saved, ReadTensors(*source));
  const std::map<std::string, Tensor> weights = TrainedWeights(training);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, weight] : weights) {
    const auto found = saved.find(name);
    if (found == saved.end() || found->second.sizes() != weight.sizes()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " has no ", name,
                       " of the model's shape; other modules were "
                       "trained, or another model"));
    }
    Tensor(weight).copy_(found->second);
  }
  return absl::OkStatus();
}

absl::Status LoadOptimizer(Training& training, const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return training.optimizer->LoadState({});
  }
  ASSIGN_OR_RETURN(const auto source, OpenCheckpoint(path));
  ASSIGN_OR_RETURN(const auto state, ReadTensors(*source));
  return AddContext(training.optimizer->LoadState(state), path);
}

// Averages that the state does not have begin with its weights, where the user
// lets ema_decay change.
absl::Status LoadEma(Training& training, const std::string& path) {
  if (training.ema == nullptr) return absl::OkStatus();
  const auto& allowed = training.spec.training().run().allow_changed();
  const bool may_begin =
      std::any_of(allowed.begin(), allowed.end(), [](const std::string& name) {
        return name == "ema_decay" || name == "options";
      });
  std::error_code error;
  absl::Status loaded =
      absl::InvalidArgumentError("the state has no moving averages");
  if (std::filesystem::exists(path, error)) {
    ASSIGN_OR_RETURN(const auto source, OpenCheckpoint(path));
    ASSIGN_OR_RETURN(const auto state, ReadTensors(*source));
    loaded = training.ema->LoadState(state);
  }
  if (loaded.ok() || !may_begin) return AddContext(loaded, path);
  training.ema->Reset();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> SaveTrainingState(const Training& training,
                                          const Progress& progress,
                                          const std::string& path) {
  ASSIGN_OR_RETURN(const auto fingerprint, MakeFingerprint(training));
  TrainingState state;
  state.progress = ToSaved(progress, training.loop.seed, fingerprint);
  if (training.relief.any()) {
    state.progress.extra["relief"] = ReliefToJson(training.relief);
  }
  state.model = TrainedWeights(training);
  state.optimizer = training.optimizer->State();
  if (training.ema != nullptr) state.ema = training.ema->State();
  return WriteTrainingState(path, state);
}

absl::StatusOr<std::optional<std::string>> FindStateToResume(
    const Training& training, const std::string& output_dir, bool from_newest,
    Reporter& reporter) {
  if (from_newest) {
    NewestState newest = FindNewestState(output_dir);
    for (const std::string& why : newest.skipped) reporter.Warn(why);
    if (newest.path.has_value()) return newest.path;
  }
  const std::string& resume = training.spec.training().run().resume();
  if (resume.empty()) return std::optional<std::string>();
  RETURN_IF_ERROR(AddContext(VerifyTrainingState(resume), "resume"));
  return std::optional<std::string>(resume);
}

absl::StatusOr<Progress> LoadTrainingState(Training& training,
                                           const std::string& path,
                                           Reporter& reporter) {
  ASSIGN_OR_RETURN(const TrainingProgress saved, ReadTrainingProgress(path));
  ASSIGN_OR_RETURN(
      const AllowedChanges allowed,
      CheckSameRun(training, saved.extra.value("fingerprint", Json::object()),
                   path));
  absl::StatusOr<Progress> progress = FromSaved(saved);
  if (!progress.ok()) return AddContext(progress.status(), path);
  if (!allowed.changes.empty()) {
    reporter.Warn(absl::StrCat("the run goes on with a change: ",
                               absl::StrJoin(allowed.changes, ", ")));
  }
  if (allowed.of_dataset) {
    // Images have other numbers now, and held-out losses cannot be compared.
    progress->course.ledger = LossLedger();
    progress->course.validation = ValidationHistory();
    progress->course.left_out.clear();
  }
  FreezeTextEncodersIfDue(training, progress->step);
  // Before weights and states come, which may not fit otherwise.
  RETURN_IF_ERROR(ApplyRelief(
      training, ReliefFromJson(saved.extra.value("relief", Json::object()))));
  // Mapped, not read whole: the run's memory has no room for a second copy.
  RETURN_IF_ERROR(
      LoadWeights(training, absl::StrCat(path, "/model.safetensors")));
  RETURN_IF_ERROR(
      LoadOptimizer(training, absl::StrCat(path, "/optimizer.safetensors")));
  RETURN_IF_ERROR(LoadEma(training, absl::StrCat(path, "/ema.safetensors")));
  return progress;
}

void FreezeTextEncodersIfDue(Training& training, int64_t step) {
  const std::optional<int64_t>& due = training.loop.freeze_text_encoders_at;
  if (!due.has_value() || step < *due) return;
  for (const TrainedModule& trained : training.trained) {
    if (trained.is_denoiser || training.frozen.count(trained.name) > 0) {
      continue;
    }
    training.optimizer->Freeze(trained.name);
    for (Tensor& parameter : trained.module->parameters()) {
      parameter.set_requires_grad(false);
    }
    training.frozen.insert(trained.name);
  }
}

bool TrainsTextEncoders(const Training& training) {
  return std::any_of(training.trained.begin(), training.trained.end(),
                     [&](const TrainedModule& trained) {
                       return !trained.is_denoiser &&
                              training.frozen.count(trained.name) == 0;
                     });
}

}  // namespace atelier::trainer
