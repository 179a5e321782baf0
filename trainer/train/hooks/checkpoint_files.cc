#include "trainer/train/hooks/checkpoint_files.h"

#include <cmath>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/checkpoint/torch_save_writer.h"
#include "trainer/job/failure.h"
#include "trainer/train/record.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

constexpr char kSafetensors[] = "safetensors";
constexpr char kCkpt[] = "ckpt";
constexpr char kDiffusers[] = "diffusers";
constexpr char kDiffusersSafetensors[] = "diffusers_safetensors";

bool IsFolderForm(const std::string& form) {
  return form == kDiffusers || form == kDiffusersSafetensors;
}

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
    const torch::ScalarType dtype =
        training.save.dtype.value_or(named.source_dtype);
    result.push_back({named.name, named.tensor.detach(), dtype});
  }
  return result;
}

std::set<std::string> TrainedEncoders(const Training& training) {
  std::set<std::string> names;
  for (const TrainedModule& trained : training.trained) {
    if (!trained.is_denoiser) names.insert(trained.name);
  }
  return names;
}

// The writing of one checkpoint.
class CheckpointWriting {
 public:
  CheckpointWriting(const Training& training, const std::string& output_dir,
                    const std::string& name,
                    std::map<std::string, std::string> metadata)
      : training_(training),
        output_dir_(output_dir),
        name_(name),
        metadata_(std::move(metadata)) {}

  absl::StatusOr<WrittenCheckpoint> AsFiles(const std::string& form,
                                            const Progress& progress) {
    std::vector<ExportedFile> files = training_.architecture->export_files(
        training_.model, TrainedEncoders(training_));
    for (const ExportedFile& file : files) {
      RETURN_IF_ERROR(
          CheckFinite(file.tensors, absl::StrCat(name_, file.suffix)));
    }
    for (ExportedFile& file : files) {
      const std::string path = absl::StrCat(name_, file.suffix, ".", form);
      std::vector<TensorToSave> tensors =
          InSavedTypes(std::move(file.tensors), training_);
      if (form == kCkpt) {
        RETURN_IF_ERROR(Took(
            path, WriteTorchSave(
                      Full(path), tensors,
                      CkptProgress{progress.position.epoch, progress.step})));
      } else {
        RETURN_IF_ERROR(Took(
            path, WriteSafetensors(Full(path), std::move(tensors), metadata_)));
      }
      written_.entries.push_back(path);
    }
    return std::move(written_);
  }

  absl::StatusOr<WrittenCheckpoint> AsFolder(const std::string& form) {
    DiffusersExport exported =
        training_.architecture->export_diffusers(training_.model);
    for (const DiffusersComponent& component : exported.components) {
      RETURN_IF_ERROR(CheckFinite(component.tensors, name_));
    }
    ASSIGN_OR_RETURN(AtomicFolder folder, AtomicFolder::Create(Full(name_)));
    root_ = folder.partial_path();
    RETURN_IF_ERROR(WriteText("model_index.json", exported.model_index));
    for (DiffusersComponent& component : exported.components) {
      RETURN_IF_ERROR(WriteComponent(component, form));
    }
    RETURN_IF_ERROR(folder.Commit());
    written_.entries.push_back(name_);
    return std::move(written_);
  }

 private:
  std::string Full(const std::string& path) const {
    return absl::StrCat(output_dir_, "/", path);
  }

  absl::Status Took(const std::string& path,
                    const absl::StatusOr<SavedFile>& saved) {
    RETURN_IF_ERROR(saved.status());
    written_.files.push_back({path, saved->size_bytes, saved->sha256});
    return absl::OkStatus();
  }

  absl::Status WriteText(const std::string& path, const std::string& text) {
    return Took(absl::StrCat(name_, "/", path),
                WriteFileAtomically(absl::StrCat(root_, "/", path), text));
  }

  absl::Status WriteComponent(DiffusersComponent& component,
                              const std::string& form) {
    std::error_code error;
    fs::create_directories(absl::StrCat(root_, "/", component.folder), error);
    for (const auto& [file, text] : component.files) {
      RETURN_IF_ERROR(
          WriteText(absl::StrCat(component.folder, "/", file), text));
    }
    if (component.tensors.empty()) return absl::OkStatus();
    const bool is_text = component.folder.rfind("text_encoder", 0) == 0;
    const bool is_bin = form == kDiffusers;
    const std::string path =
        absl::StrCat(component.folder, "/",
                     is_text ? (is_bin ? "pytorch_model" : "model")
                             : "diffusion_pytorch_model",
                     is_bin ? ".bin" : ".safetensors");
    const std::string full = absl::StrCat(root_, "/", path);
    std::vector<TensorToSave> tensors =
        InSavedTypes(std::move(component.tensors), training_);
    return Took(absl::StrCat(name_, "/", path),
                is_bin ? WriteTorchSave(full, tensors)
                       : WriteSafetensors(full, std::move(tensors),
                                          {{"format", "pt"}}));
  }

  const Training& training_;
  const std::string& output_dir_;
  const std::string& name_;
  std::map<std::string, std::string> metadata_;
  std::string root_;
  WrittenCheckpoint written_;
};

// The same form with weights as .safetensors.
std::string AsSafetensors(const std::string& form) {
  if (form == kCkpt) return kSafetensors;
  return form == kDiffusers ? kDiffusersSafetensors : form;
}

}  // namespace

absl::StatusOr<std::string> ChooseCheckpointForm(const Training& training) {
  const bool has_folders = training.architecture->export_diffusers != nullptr;
  const std::string asked = training.spec.training().output().use_safetensors()
                                ? AsSafetensors(training.save.model_as)
                                : training.save.model_as;
  if (asked.empty()) {
    std::error_code error;
    const std::string& source =
        training.spec.training().model().pretrained_model_name_or_path();
    return has_folders && fs::is_directory(source, error)
               ? kDiffusersSafetensors
               : kSafetensors;
  }
  if (asked == kSafetensors || has_folders) return asked;
  return absl::InvalidArgumentError(absl::StrCat(
      "save_model_as is ", asked, "; ",
      std::string(training.architecture->name),
      " models are saved as safetensors only, which other tools load"));
}

std::vector<std::string> CheckpointEntries(const Training& training,
                                           const std::string& name) {
  if (name.empty()) return {};
  if (IsFolderForm(training.save.model_as)) return {name};
  std::vector<std::string> entries;
  for (const ExportedFile& file : training.architecture->export_files(
           training.model, TrainedEncoders(training))) {
    entries.push_back(
        absl::StrCat(name, file.suffix, ".", training.save.model_as));
  }
  return entries;
}

absl::StatusOr<WrittenCheckpoint> WriteCheckpoint(const Training& training,
                                                  const Progress& progress,
                                                  const std::string& output_dir,
                                                  const std::string& name) {
  ASSIGN_OR_RETURN(auto metadata, MakeMetadata(training, progress));
  CheckpointWriting writing(training, output_dir, name, std::move(metadata));
  const std::string& form = training.save.model_as;
  return IsFolderForm(form) ? writing.AsFolder(form)
                            : writing.AsFiles(form, progress);
}

}  // namespace atelier::trainer
