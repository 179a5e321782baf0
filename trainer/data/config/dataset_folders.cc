#include "trainer/data/config/dataset_folders.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "trainer/data/config/dataset_checks.h"

namespace atelier::trainer {
namespace {

// Names of the folders in `root`, sorted; an error where it cannot be listed.
std::vector<std::string> FoldersIn(const std::string& root,
                                   const std::string& option,
                                   ConfigReport* report) {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entries(root, error);
  for (; !error && entries != std::filesystem::directory_iterator();
       entries.increment(error)) {
    std::error_code ignored;
    if (entries->is_directory(ignored)) {
      names.push_back(entries->path().filename().string());
    }
  }
  if (error) {
    report->errors.push_back(absl::StrCat(
        option, ": folder ", root, " cannot be read: ", error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string MaskFolder(const std::string& root, const std::string& name) {
  if (root.empty()) return "";
  const std::string own = absl::StrCat(root, "/", name);
  std::error_code ignored;
  return std::filesystem::is_directory(own, ignored) ? own : root;
}

// Adds the subsets of one root; returns how many.
int AddSubsets(const std::string& root, bool is_reg,
               const DatasetRequest& request, DatasetOptions* dataset,
               ConfigReport* report) {
  const std::string option = is_reg ? "reg_data_dir" : "train_data_dir";
  const size_t errors = report->errors.size();
  int added = 0;
  for (const std::string& name : FoldersIn(root, option, report)) {
    const size_t underscore = name.find('_');
    int64_t repeats = 0;
    if (!absl::SimpleAtoi(name.substr(0, underscore), &repeats) ||
        repeats < 1) {
      report->warnings.push_back(absl::StrCat(
          option, ": folder ", root, "/", name,
          " is left out: its name is not <repeats>_<class tokens>"));
      continue;
    }
    SubsetOptions subset = request.subset;
    subset.image_dir = absl::StrCat(root, "/", name);
    subset.num_repeats = repeats;
    subset.is_reg = is_reg;
    subset.class_tokens =
        underscore == std::string::npos ? "" : name.substr(underscore + 1);
    subset.conditioning_data_dir =
        is_reg ? "" : MaskFolder(request.subset.conditioning_data_dir, name);
    dataset->subsets.push_back(std::move(subset));
    ++added;
  }
  if (added == 0 && report->errors.size() == errors) {
    report->errors.push_back(absl::StrCat(
        option,
        ": no folder named <repeats>_<class tokens>, such as 10_cat, in ",
        root));
  }
  return added;
}

void AddMetadata(const DatasetRequest& request, DatasetOptions* dataset,
                 ConfigReport* report) {
  SubsetOptions& subset = dataset->subsets.emplace_back(request.subset);
  subset.image_dir = request.train_data_dir;
  subset.metadata_file = request.in_json;
  if (!request.reg_data_dir.empty()) {
    report->warnings.push_back(
        "reg_data_dir is not used: it does not go with in_json");
  }
}

}  // namespace

DatasetConfig ReadDatasetFolders(const DatasetRequest& request,
                                 ConfigReport* report) {
  DatasetConfig config;
  if (request.train_data_dir.empty() && request.in_json.empty()) {
    report->errors.push_back(
        "no images are given: set dataset_config, train_data_dir or in_json");
    return config;
  }
  DatasetOptions dataset = request.dataset;
  dataset.subsets.clear();
  if (!request.in_json.empty()) {
    AddMetadata(request, &dataset, report);
  } else {
    AddSubsets(request.train_data_dir, false, request, &dataset, report);
    if (!request.reg_data_dir.empty()) {
      AddSubsets(request.reg_data_dir, true, request, &dataset, report);
    }
  }
  const std::string& source =
      request.in_json.empty() ? request.train_data_dir : request.in_json;
  CheckDataset(dataset, request, source + ": ", report);
  config.datasets.push_back(std::move(dataset));
  return config;
}

}  // namespace atelier::trainer
