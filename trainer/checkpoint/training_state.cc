#include "trainer/checkpoint/training_state.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/mapped_file.h"
#include "trainer/checkpoint/safetensors_reader.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

using nlohmann::json;

// Raise it when the meaning of a field changes; states of other versions are
// refused.
constexpr int kFormatVersion = 1;
constexpr char kStateFile[] = "state.json";
constexpr char kModelFile[] = "model.safetensors";
constexpr char kOptimizerFile[] = "optimizer.safetensors";
constexpr char kEmaFile[] = "ema.safetensors";
constexpr char kManifestFile[] = "manifest.json";
constexpr char kFolderSuffix[] = "-state";

std::string Join(const std::string& folder, const std::string& name) {
  return absl::StrCat(folder, "/", name);
}

json ToJson(const TrainingProgress& progress) {
  return {{"format_version", kFormatVersion},
          {"step", progress.step},
          {"epoch", progress.epoch},
          {"position_in_epoch", progress.position_in_epoch},
          {"seed", progress.seed},
          {"options_digest", progress.options_digest},
          {"extra", progress.extra}};
}

absl::StatusOr<json> ReadStateJson(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  json value = json::parse(text, nullptr, false);
  if (!value.is_object()) {
    return absl::DataLossError(absl::StrCat(path, " is not a JSON object"));
  }
  return value;
}

template <typename T>
absl::Status TakeField(const json& object, const char* name,
                       const std::string& path, T& value) {
  const auto field = object.find(name);
  const bool fits = field != object.end() && (std::is_same_v<T, std::string>
                                                  ? field->is_string()
                                                  : field->is_number_integer());
  if (!fits) {
    return absl::DataLossError(absl::StrCat(path, ": field '", name,
                                            "' is missing or of another type"));
  }
  value = field->get<T>();
  return absl::OkStatus();
}

absl::Status VerifyFile(const std::string& folder, const std::string& name,
                        const json& entry) {
  SavedFile expected;
  const std::string manifest = Join(folder, kManifestFile);
  RETURN_IF_ERROR(
      TakeField(entry, "size_bytes", manifest, expected.size_bytes));
  RETURN_IF_ERROR(TakeField(entry, "sha256", manifest, expected.sha256));
  const std::string path = Join(folder, name);
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  const auto size = static_cast<int64_t>(file->bytes().size());
  if (size != expected.size_bytes) {
    return absl::DataLossError(absl::StrCat(
        path, " has ", size, " bytes, expected ", expected.size_bytes));
  }
  if (Sha256Of(file->bytes()) != expected.sha256) {
    return absl::DataLossError(
        absl::StrCat(path, " is not what was written: its SHA-256 differs"));
  }
  return absl::OkStatus();
}

struct Candidate {
  std::string path;
  int64_t step = 0;
};

std::string Skipped(const std::string& path, const absl::Status& status) {
  return absl::StrCat("training state ", path,
                      " is not used: ", std::string(status.message()));
}

}  // namespace

absl::StatusOr<int64_t> WriteTrainingState(const std::string& path,
                                           const TrainingState& state) {
  ASSIGN_OR_RETURN(AtomicFolder folder, AtomicFolder::Create(path));
  const std::string& partial = folder.partial_path();
  json manifest = json::object();
  int64_t total = 0;
  const auto record = [&](const char* name, const SavedFile& file) {
    manifest[name] = {{"size_bytes", file.size_bytes}, {"sha256", file.sha256}};
    total += file.size_bytes;
  };
  const std::string text =
      ToJson(state.progress)
          .dump(2, ' ', false, json::error_handler_t::replace);
  ASSIGN_OR_RETURN(const SavedFile progress,
                   WriteFileAtomically(Join(partial, kStateFile), text));
  record(kStateFile, progress);
  ASSIGN_OR_RETURN(const SavedFile model,
                   WriteSafetensors(Join(partial, kModelFile), state.model));
  record(kModelFile, model);
  for (const auto& [name, tensors] :
       {std::pair(kOptimizerFile, &state.optimizer),
        std::pair(kEmaFile, &state.ema)}) {
    if (tensors->empty()) continue;
    ASSIGN_OR_RETURN(const SavedFile file,
                     WriteSafetensors(Join(partial, name), *tensors));
    record(name, file);
  }
  ASSIGN_OR_RETURN(
      const SavedFile list,
      WriteFileAtomically(Join(partial, kManifestFile), manifest.dump(2)));
  RETURN_IF_ERROR(folder.Commit());
  return total + list.size_bytes;
}

absl::Status VerifyTrainingState(const std::string& path) {
  ASSIGN_OR_RETURN(const json manifest,
                   ReadStateJson(Join(path, kManifestFile)));
  for (const char* required : {kStateFile, kModelFile}) {
    if (!manifest.contains(required)) {
      return absl::DataLossError(
          absl::StrCat(Join(path, kManifestFile), " does not list ", required));
    }
  }
  for (const auto& [name, entry] : manifest.items()) {
    if (name != kStateFile && name != kModelFile && name != kOptimizerFile &&
        name != kEmaFile) {
      return absl::DataLossError(absl::StrCat(
          Join(path, kManifestFile), " lists the unknown file '", name, "'"));
    }
    RETURN_IF_ERROR(VerifyFile(path, name, entry));
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainingProgress> ReadTrainingProgress(const std::string& path) {
  const std::string file = Join(path, kStateFile);
  ASSIGN_OR_RETURN(const json object, ReadStateJson(file));
  int version = 0;
  RETURN_IF_ERROR(TakeField(object, "format_version", file, version));
  if (version != kFormatVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(file, " is of format version ", version, "; this trainer ",
                     "reads version ", kFormatVersion));
  }
  TrainingProgress progress;
  RETURN_IF_ERROR(TakeField(object, "step", file, progress.step));
  RETURN_IF_ERROR(TakeField(object, "epoch", file, progress.epoch));
  RETURN_IF_ERROR(
      TakeField(object, "position_in_epoch", file, progress.position_in_epoch));
  RETURN_IF_ERROR(TakeField(object, "seed", file, progress.seed));
  RETURN_IF_ERROR(
      TakeField(object, "options_digest", file, progress.options_digest));
  progress.extra = object.value("extra", json::object());
  return progress;
}

absl::StatusOr<TrainingState> ReadTrainingState(const std::string& path) {
  TrainingState state;
  ASSIGN_OR_RETURN(state.progress, ReadTrainingProgress(path));
  ASSIGN_OR_RETURN(state.model, ReadSafetensors(Join(path, kModelFile)));
  for (const auto& [name, tensors] :
       {std::pair(kOptimizerFile, &state.optimizer),
        std::pair(kEmaFile, &state.ema)}) {
    std::error_code ignored;
    if (!std::filesystem::exists(Join(path, name), ignored)) continue;
    ASSIGN_OR_RETURN(*tensors, ReadSafetensors(Join(path, name)));
  }
  return state;
}

NewestState FindNewestState(const std::string& output_dir) {
  NewestState newest;
  std::vector<Candidate> candidates;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(output_dir, error)) {
    const std::string name = entry.path().filename().string();
    if (!absl::EndsWith(name, kFolderSuffix) || absl::StartsWith(name, "."))
      continue;
    const std::string path = entry.path().string();
    const auto progress = ReadTrainingProgress(path);
    if (progress.ok()) {
      candidates.push_back({path, progress->step});
    } else {
      newest.skipped.push_back(Skipped(path, progress.status()));
    }
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const Candidate& a, const Candidate& b) {
              return a.step != b.step ? a.step > b.step : a.path > b.path;
            });
  for (const Candidate& candidate : candidates) {
    const absl::Status status = VerifyTrainingState(candidate.path);
    if (status.ok()) {
      newest.path = candidate.path;
      return newest;
    }
    newest.skipped.push_back(Skipped(candidate.path, status));
  }
  return newest;
}

}  // namespace atelier::trainer
