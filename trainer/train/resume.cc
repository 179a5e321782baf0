#include "trainer/train/resume.h"

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

absl::Status CheckFingerprint(const Training& training, const Json& extra,
                              const std::string& folder) {
  ASSIGN_OR_RETURN(const auto fingerprint, MakeFingerprint(training));
  const Json saved = extra.value("fingerprint", Json::object());
  std::vector<std::string> different;
  for (const auto& [key, value] : fingerprint) {
    if (!saved.contains(key) || saved[key] != value) different.push_back(key);
  }
  for (const auto& [key, value] : saved.items()) {
    if (fingerprint.count(key) == 0) different.push_back(key);
  }
  if (different.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the training state ", folder, " is of another run: it differs in ",
      absl::StrJoin(different, ", ")));
}

}  // namespace

absl::StatusOr<int64_t> SaveTrainingState(const Training& training,
                                          const Progress& progress,
                                          const std::string& path) {
  ASSIGN_OR_RETURN(const auto fingerprint, MakeFingerprint(training));
  TrainingState state;
  state.progress = ToSaved(progress, training.loop.seed, fingerprint);
  state.model = TrainedWeights(training);
  state.optimizer = training.optimizer->State();
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
                                           const std::string& path) {
  ASSIGN_OR_RETURN(const TrainingProgress saved, ReadTrainingProgress(path));
  RETURN_IF_ERROR(CheckFingerprint(training, saved.extra, path));
  absl::StatusOr<Progress> progress = FromSaved(saved);
  if (!progress.ok()) return AddContext(progress.status(), path);
  FreezeTextEncodersIfDue(training, progress->step);
  // Mapped, not read whole: the run's memory has no room for a second copy.
  RETURN_IF_ERROR(
      LoadWeights(training, absl::StrCat(path, "/model.safetensors")));
  RETURN_IF_ERROR(
      LoadOptimizer(training, absl::StrCat(path, "/optimizer.safetensors")));
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

}  // namespace atelier::trainer
