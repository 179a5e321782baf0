#include "trainer/train/hooks/manifest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

std::string ManifestPath(const std::string& output_dir) {
  return absl::StrCat(output_dir, "/.atelier/manifest.json");
}

nlohmann::ordered_json ToJson(const ManifestFile& file) {
  return {{"path", file.path},     {"kind", file.kind},
          {"step", file.step},     {"size_bytes", file.size_bytes},
          {"sha256", file.sha256}, {"until_next", file.until_next}};
}

// Every field has its default where it is missing or of another type.
ManifestFile FromJson(const nlohmann::json& json) {
  ManifestFile file;
  const auto text = [&](const char* key) {
    return json.contains(key) && json[key].is_string()
               ? json[key].get<std::string>()
               : std::string();
  };
  const auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number_integer()
               ? json[key].get<int64_t>()
               : 0;
  };
  file.path = text("path");
  file.kind = text("kind");
  file.sha256 = text("sha256");
  file.step = number("step");
  file.size_bytes = number("size_bytes");
  file.until_next = json.contains("until_next") && json["until_next"] == true;
  return file;
}

// Bytes of a file, or of the files in a folder.
int64_t SizeOnDisk(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return static_cast<int64_t>(fs::file_size(path, error));
  }
  int64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path, error)) {
    if (!entry.is_regular_file(error)) continue;
    bytes += static_cast<int64_t>(entry.file_size(error));
  }
  return bytes;
}

}  // namespace

absl::StatusOr<Manifest> Manifest::Open(const std::string& output_dir) {
  Manifest manifest(output_dir);
  const std::string path = ManifestPath(output_dir);
  std::ifstream file(path);
  if (!file) return manifest;
  const nlohmann::json json =
      nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("files") ||
      !json["files"].is_array()) {
    return absl::DataLossError(absl::StrCat(
        path,
        " is damaged; remove it to start anew (old checkpoints are then "
        "kept for good)"));
  }
  for (const nlohmann::json& entry : json["files"]) {
    if (entry.is_object()) manifest.files_.push_back(FromJson(entry));
  }
  return manifest;
}

const ManifestFile* Manifest::Find(const std::string& path) const {
  const auto found =
      std::find_if(files_.begin(), files_.end(),
                   [&](const ManifestFile& file) { return file.path == path; });
  return found == files_.end() ? nullptr : &*found;
}

absl::Status Manifest::Add(ManifestFile file) {
  std::erase_if(files_,
                [&](const ManifestFile& old) { return old.path == file.path; });
  files_.push_back(std::move(file));
  return Write();
}

absl::StatusOr<bool> Manifest::Remove(const std::string& path) {
  const ManifestFile* file = Find(path);
  if (file == nullptr) return false;
  const fs::path full = fs::path(output_dir_) / path;
  std::error_code error;
  const bool ours = fs::exists(fs::symlink_status(full, error)) &&
                    SizeOnDisk(full) == file->size_bytes;
  if (ours) {
    fs::remove_all(full, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("cannot remove ", full.string(), ": ", error.message()));
    }
  }
  std::erase_if(files_,
                [&](const ManifestFile& old) { return old.path == path; });
  RETURN_IF_ERROR(Write());
  return ours;
}

absl::Status Manifest::Write() const {
  nlohmann::ordered_json json;
  json["files"] = nlohmann::ordered_json::array();
  for (const ManifestFile& file : files_) json["files"].push_back(ToJson(file));
  std::error_code error;
  fs::create_directories(fs::path(output_dir_) / ".atelier", error);
  return WriteFileAtomically(ManifestPath(output_dir_), json.dump(1) + "\n")
      .status();
}

}  // namespace atelier::trainer
