#include "proto/cc/option_paths.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"

#include "proto/cc/dataset_paths.h"
#include "proto/cc/options_schema.h"

namespace atelier {
namespace {

// What stands at a path, or why nothing can be said.
struct Entry {
  bool is_file = false;
  bool is_folder = false;
  int error = 0;
};

Entry Look(const std::string& path) {
  struct stat info;
  Entry entry;
  if (stat(path.c_str(), &info) != 0) {
    entry.error = errno;
    return entry;
  }
  entry.is_file = S_ISREG(info.st_mode);
  entry.is_folder = S_ISDIR(info.st_mode);
  return entry;
}

std::string CheckInput(const std::string& path, v1::PathKind kind) {
  const Entry entry = Look(path);
  if (entry.error == ENOENT) return "which does not exist";
  if (entry.error != 0) {
    return absl::StrCat("which cannot be looked at: ", strerror(entry.error));
  }
  if (kind == v1::PATH_KIND_INPUT_FILE && !entry.is_file) {
    return entry.is_folder ? "which is a folder; must be a file"
                           : "which is not a regular file";
  }
  if (kind == v1::PATH_KIND_INPUT_FOLDER && !entry.is_folder) {
    return "which is not a folder";
  }
  if (!entry.is_file && !entry.is_folder) {
    return "which is neither a regular file nor a folder";
  }
  const int wanted = entry.is_folder ? R_OK | X_OK : R_OK;
  return access(path.c_str(), wanted) == 0 ? "" : "which is not readable";
}

std::string CheckOutputFolder(const std::string& path) {
  std::filesystem::path existing = path;
  Entry entry = Look(existing);
  while (entry.error == ENOENT && existing.has_relative_path()) {
    existing = existing.parent_path();
    entry = Look(existing);
  }
  const std::string what =
      existing == path ? "which" : absl::StrCat("but ", existing.string());
  if (entry.error == ENOTDIR) {
    return absl::StrCat("but a part of it is a file, not a folder");
  }
  if (entry.error != 0) {
    return absl::StrCat(what, " cannot be looked at: ", strerror(entry.error));
  }
  if (!entry.is_folder) return absl::StrCat(what, " is not a folder");
  if (access(existing.c_str(), W_OK | X_OK) != 0) {
    return absl::StrCat(what, " is not writable");
  }
  return "";
}

std::string CheckPath(const std::string& path, v1::PathKind kind) {
  if (path.empty() || path.front() != '/') {
    return "which is relative; must be absolute";
  }
  return kind == v1::PATH_KIND_OUTPUT_FOLDER ? CheckOutputFolder(path)
                                             : CheckInput(path, kind);
}

}  // namespace

void MakePathsAbsolute(const std::string& base_dir,
                       v1::TrainingConfig* config) {
  for (const Option* option : SetOptions(*config)) {
    if (option->info.path() == v1::PATH_KIND_UNSPECIFIED) continue;
    const std::vector<OptionValue> values = OptionValues(*option, *config);
    ResetOption(*option, config);
    for (const OptionValue& value : values) {
      const std::filesystem::path joined =
          std::filesystem::path(base_dir) / std::get<std::string>(value);
      // The value was valid before, and joining keeps it so.
      SetOption(*option, joined.lexically_normal().string(), config)
          .IgnoreError();
    }
  }
}

std::vector<Violation> CheckPaths(const v1::TrainingConfig& config) {
  std::vector<Violation> violations;
  for (const Option* option : SetOptions(config)) {
    if (option->info.path() == v1::PATH_KIND_UNSPECIFIED) continue;
    for (const OptionValue& value : OptionValues(*option, config)) {
      const std::string& path = std::get<std::string>(value);
      const std::string fault = CheckPath(path, option->info.path());
      if (fault.empty()) continue;
      violations.push_back({option->path, absl::StrCat(option->name, " is ",
                                                       path, ", ", fault)});
    }
  }
  const std::vector<Violation> images = CheckDatasetPaths(config.dataset());
  violations.insert(violations.end(), images.begin(), images.end());
  return violations;
}

}  // namespace atelier
