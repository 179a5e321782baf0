#include "proto/cc/dataset_paths.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "proto/cc/dataset_file.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/utf8.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kImageEndings[] = {".png", ".jpg", ".jpeg", ".webp",
                                               ".bmp"};

bool IsImageName(const fs::path& path) {
  const std::string ending = absl::AsciiStrToLower(path.extension().string());
  return std::find(std::begin(kImageEndings), std::end(kImageEndings),
                   ending) != std::end(kImageEndings);
}

// True as well where the folder cannot be listed: another check says so.
bool HoldsImages(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (IsImageName(entry->path()) && !entry->is_directory(ignored)) {
      return true;
    }
  }
  return static_cast<bool>(error);
}

// `10_ana cat`: repeats of at least 1, then the class tokens, which may lack.
bool IsSubsetName(const std::string& name) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(name, absl::MaxSplits('_', 1));
  int repeats = 0;
  return absl::SimpleAtoi(parts[0], &repeats) && repeats >= 1;
}

class DatasetFileCheck {
 public:
  DatasetFileCheck(const std::string& file, std::vector<Violation>* violations)
      : file_(file), violations_(violations) {}

  void Check() {
    const absl::StatusOr<toml::table> root = ReadDatasetFile(file_);
    if (!root.ok()) return Report(root.status().message());
    const toml::array* datasets = (*root)["datasets"].as_array();
    if (datasets == nullptr || datasets->empty()) {
      return Fail(*root, "at least one [[datasets]] is needed");
    }
    for (const toml::node& dataset : *datasets) {
      const toml::table* table = dataset.as_table();
      if (table == nullptr) continue;
      const toml::array* subsets = (*table)["subsets"].as_array();
      if (subsets == nullptr || subsets->empty()) {
        Fail(*table, "at least one [[datasets.subsets]] is needed");
        continue;
      }
      for (const toml::node& subset : *subsets) CheckSubset(subset);
    }
  }

 private:
  void CheckSubset(const toml::node& subset) {
    const toml::table* table = subset.as_table();
    // Fewer repeats than one: the trainer leaves the subset out.
    if (table == nullptr || (*table)["num_repeats"].value_or(1) < 1) return;
    const bool has_metadata = table->contains("metadata_file");
    CheckPath(*table, "metadata_file", false);
    CheckPath(*table, "conditioning_data_dir", true);
    const std::string folder = CheckPath(*table, "image_dir", true);
    if (folder.empty() || has_metadata || HoldsImages(folder)) return;
    Fail(*table->get("image_dir"),
         absl::StrCat("folder ", folder,
                      " holds no images (.png .jpg .jpeg .webp .bmp)"));
  }

  // The absolute path, where it is there.
  std::string CheckPath(const toml::table& table, const char* key,
                        bool is_folder) {
    const toml::node* node = table.get(key);
    if (node == nullptr || !node->is_string()) return "";
    const fs::path path =
        (fs::path(file_).parent_path() / node->as_string()->get())
            .lexically_normal();
    std::error_code ignored;
    const bool is_there = is_folder ? fs::is_directory(path, ignored)
                                    : fs::is_regular_file(path, ignored);
    if (is_there) return path.string();
    Fail(*node, absl::StrCat(key, " is ", path.string(), ", which is no ",
                             is_folder ? "folder" : "file"));
    return "";
  }

  void Fail(const toml::node& where, const std::string& message) {
    Report(absl::StrCat(PlaceIn(file_, where), message));
  }

  void Report(absl::string_view message) {
    violations_->push_back(
        {FindOption("dataset_config")->path, ToUtf8(std::string(message))});
  }

  const std::string file_;
  std::vector<Violation>* const violations_;
};

void CheckParentFolder(const char* option, const std::string& folder,
                       std::vector<Violation>* violations) {
  std::error_code error;
  bool has_subset = false;
  bool has_images = false;
  for (fs::directory_iterator entry(folder, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!IsSubsetName(entry->path().filename().string())) continue;
    has_subset = true;
    has_images = has_images || HoldsImages(entry->path());
  }
  if (error || has_images) return;
  violations->push_back(
      {FindOption(option)->path,
       absl::StrCat(option, " is ", folder,
                    has_subset ? ", whose sub-folders hold no images (.png "
                                 ".jpg .jpeg .webp .bmp)"
                               : ", which has no sub-folder named "
                                 "<repeats>_<class tokens>, as in 10_cat")});
}

}  // namespace

std::vector<Violation> CheckDatasetPaths(const v1::DatasetOptions& dataset) {
  std::vector<Violation> violations;
  std::error_code ignored;
  if (fs::is_regular_file(dataset.dataset_config(), ignored)) {
    DatasetFileCheck(dataset.dataset_config(), &violations).Check();
  }
  if (!dataset.has_in_json() &&
      fs::is_directory(dataset.train_data_dir(), ignored)) {
    CheckParentFolder("train_data_dir", dataset.train_data_dir(), &violations);
  }
  if (fs::is_directory(dataset.reg_data_dir(), ignored)) {
    CheckParentFolder("reg_data_dir", dataset.reg_data_dir(), &violations);
  }
  return violations;
}

}  // namespace atelier
