#include "trainer/train/hooks/checkpoint.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/train/evaluating.h"
#include "trainer/train/resume.h"
#include "trainer/train/stopwatch.h"

namespace atelier::trainer {
namespace {

constexpr char kStateEnding[] = "-state";

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
  const bool is_wanted =
      training_.save.save_state || reporter_.stop().state_requested();
  if (!is_wanted || progress.step == 0) {
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

absl::Status CheckpointHook::SaveBest(const Progress& progress) {
  reporter_.EnterPhase("saving", names_.Best());
  return SaveWeights(names_.Best(), "", false, progress);
}

std::string CheckpointHook::WhereToGoBack(int64_t step) const {
  const ManifestFile* nearest = nullptr;
  for (const ManifestFile& file : manifest_.files()) {
    if (file.step > step) continue;
    if (nearest == nullptr || file.step > nearest->step) nearest = &file;
  }
  if (nearest == nullptr) {
    return ", of which no checkpoint was kept (keep_best keeps one)";
  }
  return absl::StrCat("; go back to ", nearest->path, ", step ", nearest->step);
}

absl::Status CheckpointHook::Save(const std::string& name, const Old& old,
                                  bool is_final, const Progress& progress) {
  reporter_.EnterPhase("saving", name);
  {
    const EvalWeights weights(*training_.optimizer);
    RETURN_IF_ERROR(SaveWeights(name, old.checkpoint, is_final, progress));
  }
  for (size_t i = 0; training_.ema != nullptr && i < training_.ema->size();
       ++i) {
    const auto with_average = [&](const std::string& base) {
      return base.empty() ? base
                          : absl::StrCat(base, "-", training_.ema->NameOf(i));
    };
    const Ema::Use use(*training_.ema, i);
    RETURN_IF_ERROR(SaveWeights(
        with_average(name), with_average(old.checkpoint), is_final, progress));
  }
  if (training_.save.save_state ||
      (is_final && training_.save.save_state_on_train_end)) {
    RETURN_IF_ERROR(SaveState(name, old.state, false, progress));
  }
  reporter_.EnterPhase("training", "", progress.step,
                       training_.length.total_steps);
  return absl::OkStatus();
}

absl::Status CheckpointHook::SaveWeights(const std::string& name,
                                         const std::string& old, bool is_final,
                                         const Progress& progress) {
  const Stopwatch watch;
  ASSIGN_OR_RETURN(const WrittenCheckpoint written,
                   WriteCheckpoint(training_, progress, output_dir_, name));
  RETURN_IF_ERROR(Enter(written, progress.step));
  std::vector<std::string> removed;
  for (const std::string& path : CheckpointEntries(training_, old)) {
    if (Remove(path)) removed.push_back(path);
  }
  for (const CheckpointFile& file : written.files) {
    CheckpointSaved event;
    event.path = file.path;
    event.is_final = is_final;
    event.size_bytes = file.size_bytes;
    event.sha256 = file.sha256;
    event.write_seconds = watch.total_seconds();
    event.removed = std::exchange(removed, {});
    reporter_.Send(std::move(event));
  }
  return absl::OkStatus();
}

absl::Status CheckpointHook::Enter(const WrittenCheckpoint& written,
                                   int64_t step) {
  for (const std::string& entry : written.entries) {
    ManifestFile manifest_file{entry, "checkpoint", step, 0, "", false};
    for (const CheckpointFile& file : written.files) {
      // A folder's entry has the size of all its files.
      if (file.path == entry) manifest_file.sha256 = file.sha256;
      if (file.path == entry || file.path.starts_with(entry + "/")) {
        manifest_file.size_bytes += file.size_bytes;
      }
    }
    RETURN_IF_ERROR(manifest_.Add(std::move(manifest_file)));
  }
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
