#include "trainer/train/hooks/checkpoint.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/job/failure.h"
#include "trainer/train/record.h"
#include "trainer/train/resume.h"
#include "trainer/train/stopwatch.h"

namespace atelier::trainer {
namespace {

constexpr char kEnding[] = ".safetensors";
constexpr char kStateEnding[] = "-state";

bool IsFinite(const Tensor& tensor) {
  if (!tensor.is_floating_point() || tensor.numel() == 0) return true;
  // The extremes are NaN if any element is.
  const auto [low, high] = at::aminmax(tensor.detach());
  return std::isfinite(low.item<double>()) &&
         std::isfinite(high.item<double>());
}

absl::Status CheckFinite(const std::vector<NamedTensor>& tensors,
                         const std::string& name) {
  for (const NamedTensor& named : tensors) {
    if (IsFinite(named.tensor)) continue;
    return MarkFailure(
        absl::OutOfRangeError(absl::StrCat(
            "the weights ", named.name, " are not finite, so checkpoint ", name,
            " is not written; those before it are untouched")),
        kNonFinite);
  }
  return absl::OkStatus();
}

std::vector<TensorToSave> InSavedTypes(std::vector<NamedTensor> tensors,
                                       const Training& training) {
  std::vector<TensorToSave> result;
  result.reserve(tensors.size());
  for (NamedTensor& named : tensors) {
    torch::ScalarType dtype = named.tensor.scalar_type();
    if (training.save.dtype.has_value()) {
      dtype = *training.save.dtype;
    } else if (const auto source =
                   training.model.source_dtypes.find(named.name);
               source != training.model.source_dtypes.end()) {
      dtype = source->second;
    }
    result.push_back({named.name, named.tensor.detach(), dtype});
  }
  return result;
}

}  // namespace

CheckpointHook::CheckpointHook(const Training& training, std::string output_dir,
                               Manifest manifest, Reporter& reporter)
    : training_(training),
      output_dir_(std::move(output_dir)),
      manifest_(std::move(manifest)),
      reporter_(reporter),
      names_(training.save.output_name) {}

absl::Status CheckpointHook::AfterStep(const Progress& progress) {
  const SaveOptions& save = training_.save;
  if (save.every_n_steps <= 0 || progress.step % save.every_n_steps != 0) {
    return absl::OkStatus();
  }
  Old old;
  const auto name_of = [&](int64_t last_n) -> std::string {
    if (last_n <= 0) return "";
    const auto step = StepToRemove(progress.step, save.every_n_steps, last_n);
    return step.has_value() ? names_.Step(*step) : "";
  };
  old.checkpoint = name_of(save.last_n_steps);
  old.state = name_of(save.last_n_steps_state);
  return Save(names_.Step(progress.step), old, false, progress);
}

absl::Status CheckpointHook::AfterEpoch(int64_t epoch,
                                        const Progress& progress) {
  const SaveOptions& save = training_.save;
  if (save.every_n_epochs <= 0 || epoch % save.every_n_epochs != 0 ||
      epoch >= training_.length.total_epochs) {
    return absl::OkStatus();
  }
  Old old;
  const auto name_of = [&](int64_t last_n) -> std::string {
    if (last_n <= 0) return "";
    const auto before = EpochToRemove(epoch, save.every_n_epochs, last_n);
    return before.has_value() ? names_.Epoch(*before) : "";
  };
  old.checkpoint = name_of(save.last_n_epochs);
  old.state = name_of(save.last_n_epochs_state);
  return Save(names_.Epoch(epoch), old, false, progress);
}

absl::Status CheckpointHook::OnRequest(const Progress& progress) {
  return Save(names_.Step(progress.step), {}, false, progress);
}

absl::Status CheckpointHook::AtEnd(const Progress& progress) {
  return Save(names_.Final(), {}, true, progress);
}

absl::Status CheckpointHook::OnStop(const Progress& progress) {
  if (!training_.save.save_state || progress.step == 0) {
    return absl::OkStatus();
  }
  const std::string name = names_.Step(progress.step);
  const ManifestFile* whole = manifest_.Find(absl::StrCat(name, kStateEnding));
  if (whole != nullptr && whole->step == progress.step) {
    return absl::OkStatus();
  }
  reporter_.EnterPhase("saving", absl::StrCat(name, kStateEnding));
  return SaveState(name, "", true, progress);
}

absl::Status CheckpointHook::Save(const std::string& name, const Old& old,
                                  bool is_final, const Progress& progress) {
  reporter_.EnterPhase("saving", absl::StrCat(name, kEnding));
  const Stopwatch watch;
  CheckpointSaved event;
  event.path = absl::StrCat(name, kEnding);
  event.is_final = is_final;
  std::vector<NamedTensor> tensors =
      training_.architecture->export_tensors(training_.model);
  RETURN_IF_ERROR(CheckFinite(tensors, event.path));
  ASSIGN_OR_RETURN(const auto metadata, MakeMetadata(training_, progress));
  ASSIGN_OR_RETURN(
      const SavedFile saved,
      WriteSafetensors(Full(event.path),
                       InSavedTypes(std::move(tensors), training_), metadata));
  RETURN_IF_ERROR(manifest_.Add({event.path, "checkpoint", progress.step,
                                 saved.size_bytes, saved.sha256, false}));
  event.size_bytes = saved.size_bytes;
  event.sha256 = saved.sha256;
  const std::string old_path = absl::StrCat(old.checkpoint, kEnding);
  if (!old.checkpoint.empty() && Remove(old_path)) {
    event.removed.push_back(old_path);
  }
  event.write_seconds = watch.total_seconds();
  reporter_.Send(std::move(event));
  if (training_.save.save_state ||
      (is_final && training_.save.save_state_on_train_end)) {
    RETURN_IF_ERROR(SaveState(name, old.state, false, progress));
  }
  reporter_.EnterPhase("training", "", progress.step,
                       training_.length.total_steps);
  return absl::OkStatus();
}

absl::Status CheckpointHook::SaveState(const std::string& name,
                                       const std::string& old, bool until_next,
                                       const Progress& progress) {
  const Stopwatch watch;
  TrainingStateSaved event;
  event.path = absl::StrCat(name, kStateEnding);
  ASSIGN_OR_RETURN(event.size_bytes,
                   SaveTrainingState(training_, progress, Full(event.path)));
  event.write_seconds = watch.total_seconds();
  reporter_.Send(event);
  RemoveStatesOfStops();
  if (!old.empty()) Remove(absl::StrCat(old, kStateEnding));
  return manifest_.Add({event.path, "training_state", progress.step,
                        event.size_bytes, "", until_next});
}

void CheckpointHook::RemoveStatesOfStops() {
  std::vector<std::string> paths;
  for (const ManifestFile& file : manifest_.files()) {
    if (file.until_next) paths.push_back(file.path);
  }
  for (const std::string& path : paths) Remove(path);
}

bool CheckpointHook::Remove(const std::string& path) {
  const absl::StatusOr<bool> removed = manifest_.Remove(path);
  if (!removed.ok()) {
    reporter_.Warn(std::string(removed.status().message()));
    return false;
  }
  return *removed;
}

std::string CheckpointHook::Full(const std::string& path) const {
  return absl::StrCat(output_dir_, "/", path);
}

}  // namespace atelier::trainer
