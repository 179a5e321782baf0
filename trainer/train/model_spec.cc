#include "trainer/train/model_spec.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"

namespace atelier::trainer {
namespace {

constexpr uintmax_t kLargestThumbnail = 4 << 20;

// By the first bytes of the file.
std::optional<std::string> PictureType(const std::string& bytes) {
  if (absl::StartsWith(bytes, "\x89PNG\r\n\x1a\n")) return "image/png";
  if (absl::StartsWith(bytes, "\xff\xd8\xff")) return "image/jpeg";
  if (absl::StartsWith(bytes, "GIF8")) return "image/gif";
  if (absl::StartsWith(bytes, "RIFF") && bytes.substr(8, 4) == "WEBP") {
    return "image/webp";
  }
  return std::nullopt;
}

// The largest resolution of the datasets.
std::string LargestResolution(const Training& training) {
  int width = 0;
  int height = 0;
  for (const DatasetOptions& dataset : training.index.config.datasets) {
    if (dataset.width * dataset.height <= width * height) continue;
    width = dataset.width;
    height = dataset.height;
  }
  return absl::StrCat(width, "x", height);
}

std::string TitleOf(const v1::JobSpec& spec) {
  for (const std::string& title :
       {spec.training().metadata().metadata_title(),
        spec.training().output().output_name(), spec.name()}) {
    if (!title.empty()) return title;
  }
  return "Checkpoint";
}

// `0,500`; empty where all timesteps are trained.
std::string TimestepRange(const v1::LossOptions& loss) {
  const int highest = loss.has_max_timestep() ? loss.max_timestep() : 1000;
  if (loss.min_timestep() == 0 && highest == 1000) return "";
  return absl::StrCat(loss.min_timestep(), ",", highest);
}

}  // namespace

void AddModelSpec(const Training& training,
                  std::map<std::string, std::string>& metadata) {
  const v1::TrainingConfig& config = training.spec.training();
  const v1::MetadataOptions& given = config.metadata();
  const Architecture& architecture = *training.architecture;
  const auto put = [&](const char* key, const std::string& value) {
    if (!value.empty()) metadata[absl::StrCat("modelspec.", key)] = value;
  };
  put("sai_model_spec", "1.0.1");
  const std::string& variant = training.model.modelspec_architecture;
  put("architecture", variant.empty()
                          ? std::string(architecture.modelspec_architecture)
                          : variant);
  put("implementation", std::string(architecture.modelspec_implementation));
  put("title", TitleOf(training.spec));
  put("resolution", LargestResolution(training));
  put("author", given.metadata_author());
  put("description", given.metadata_description());
  put("license", given.metadata_license());
  put("tags", given.metadata_tags());
  put("usage_hint", given.metadata_usage_hint());
  put("thumbnail", training.thumbnail);
  put("merged_from", given.metadata_merged_from());
  put("trigger_phrase", given.metadata_trigger_phrase());
  put("preprocessor", given.metadata_preprocessor());
  put("is_negative_embedding", given.metadata_is_negative_embedding());
  if (training.spec.architecture() != v1::ARCHITECTURE_FLUX) {
    put("prediction_type",
        config.model().v_parameterization() ? "v" : "epsilon");
  }
  put("timestep_range", TimestepRange(config.loss()));
  if (config.model().has_clip_skip()) {
    put("encoder_layer", absl::StrCat(config.model().clip_skip()));
  }
  put("implementation_version", absl::StrCat("atelier/", ATELIER_VERSION));
}

absl::StatusOr<std::string> ReadThumbnail(const std::string& path) {
  if (path.empty()) return std::string();
  const auto refuse = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("metadata_thumbnail is ", path, ", ", what));
  };
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (!error && size > kLargestThumbnail) {
    return refuse(
        absl::StrCat(size, " bytes large; at most 4 MiB are allowed"));
  }
  ASSIGN_OR_RETURN(const std::string bytes, ReadFile(path));
  const std::optional<std::string> type = PictureType(bytes);
  if (!type.has_value()) return refuse("no PNG, JPEG, WebP or GIF picture");
  return absl::StrCat("data:", *type, ";base64,", absl::Base64Escape(bytes));
}

}  // namespace atelier::trainer
