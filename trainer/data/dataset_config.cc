#include "trainer/data/dataset_config.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "proto/cc/dataset_file.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"
#include "trainer/data/config/config_report.h"
#include "trainer/data/config/dataset_checks.h"
#include "trainer/data/config/dataset_folders.h"
#include "trainer/data/config/dataset_keys.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;

// Walks one description from the outside in: general, datasets, subsets.
class ConfigReader {
 public:
  ConfigReader(const DatasetRequest& request, ConfigReport* report)
      : request_(request),
        folder_(fs::absolute(request.dataset_config).parent_path()),
        report_(report) {}

  std::vector<DatasetOptions> Read(const toml::table& root) {
    DatasetOptions dataset = request_.dataset;
    SubsetOptions subset = request_.subset;
    dataset.subsets.clear();
    for (const auto& [key, node] : root) {
      if (key.str() == "general" && node.is_table()) {
        ApplyKeys(*node.as_table(), ConfigLevel::kGeneral, "general", &dataset,
                  &subset, report_);
      } else if (key.str() != "datasets") {
        UnknownTable(key.str(), node);
      }
    }
    std::vector<DatasetOptions> datasets;
    const toml::array* tables = TablesOf(root, "datasets", "[[datasets]]",
                                         request_.dataset_config + ": ");
    for (size_t i = 0; tables != nullptr && i < tables->size(); ++i) {
      datasets.push_back(ReadDataset(*(*tables)[i].as_table(),
                                     absl::StrCat("datasets[", i, "]"), dataset,
                                     subset));
    }
    return datasets;
  }

 private:
  DatasetOptions ReadDataset(const toml::table& table, const std::string& where,
                             DatasetOptions dataset, SubsetOptions defaults) {
    ApplyKeys(table, ConfigLevel::kDataset, where, &dataset, &defaults,
              report_);
    const std::string place = PlaceIn(report_->file, table) + where + ": ";
    const toml::array* tables =
        TablesOf(table, "subsets", "[[datasets.subsets]]", place);
    std::set<std::string> seen;
    for (size_t i = 0; tables != nullptr && i < tables->size(); ++i) {
      ReadSubset(*(*tables)[i].as_table(),
                 absl::StrCat(where, ".subsets[", i, "]"), defaults, &dataset,
                 &seen);
    }
    const auto with_metadata =
        std::count_if(dataset.subsets.begin(), dataset.subsets.end(),
                      [](const auto& s) { return !s.metadata_file.empty(); });
    if (with_metadata != 0 &&
        with_metadata != static_cast<ptrdiff_t>(dataset.subsets.size())) {
      report_->errors.push_back(absl::StrCat(
          place,
          "some subsets have a metadata_file and some have not; put "
          "them into two [[datasets]]"));
    }
    CheckDataset(dataset, request_, place, report_);
    return dataset;
  }

  void ReadSubset(const toml::table& table, const std::string& where,
                  SubsetOptions subset, DatasetOptions* dataset,
                  std::set<std::string>* seen) {
    DatasetOptions unused;
    ApplyKeys(table, ConfigLevel::kSubset, where, &unused, &subset, report_);
    const std::string place = PlaceIn(report_->file, table) + where + ": ";
    if (subset.num_repeats < 1) {
      report_->warnings.push_back(
          absl::StrCat(place, "left out: num_repeats is ", subset.num_repeats));
      return;
    }
    if (subset.image_dir.empty() && subset.metadata_file.empty()) {
      report_->errors.push_back(place + "image_dir is missing");
      return;
    }
    Resolve(table, "image_dir", where, true, &subset.image_dir);
    Resolve(table, "metadata_file", where, false, &subset.metadata_file);
    Resolve(table, "conditioning_data_dir", where, true,
            &subset.conditioning_data_dir);
    const std::string& identity =
        subset.metadata_file.empty() ? subset.image_dir : subset.metadata_file;
    if (!seen->insert(identity).second) {
      report_->warnings.push_back(absl::StrCat(
          place, "left out: ", identity,
          " stands in this dataset already; use another [[datasets]]"));
      return;
    }
    dataset->subsets.push_back(std::move(subset));
  }

  // Makes a path absolute and looks whether it is there.
  void Resolve(const toml::table& table, const char* key,
               const std::string& where, bool is_folder, std::string* path) {
    if (path->empty()) return;
    const fs::path given = *path;
    const fs::path full = (folder_ / given).lexically_normal();
    *path = full.string();
    std::error_code ignored;
    const auto is_there = [&](const fs::path& at) {
      return is_folder ? fs::is_directory(at, ignored)
                       : fs::is_regular_file(at, ignored);
    };
    if (is_there(full)) return;
    // An option's path, which is absolute, stands in no table.
    const toml::node* own = table.get(key);
    const toml::node& node = own == nullptr ? table : *own;
    std::string problem =
        absl::StrCat(PlaceIn(report_->file, node), where, ".", key, ": no ",
                     is_folder ? "folder " : "file ", *path);
    if (given.is_relative() && is_there(given)) {
      absl::StrAppend(&problem,
                      "; it is there from the current folder, but "
                      "paths in a dataset file are relative to the "
                      "file's own folder");
    }
    report_->errors.push_back(std::move(problem));
  }

  // The tables below `key`, or an error and null.
  const toml::array* TablesOf(const toml::table& table, const char* key,
                              const char* form, const std::string& place) {
    const toml::node* node = table.get(key);
    const toml::array* tables = node == nullptr ? nullptr : node->as_array();
    if (tables != nullptr && !tables->empty() && tables->is_array_of_tables()) {
      return tables;
    }
    report_->errors.push_back(
        absl::StrCat(node == nullptr ? place : PlaceIn(report_->file, *node),
                     "at least one ", form,
                     node == nullptr ? " is needed, none is there"
                                     : " is needed; found something else"));
    return nullptr;
  }

  void UnknownTable(std::string_view name, const toml::node& node) {
    const std::string text(name);
    report_->errors.push_back(
        absl::StrCat(PlaceIn(report_->file, node), text,
                     ": only [general] and [[datasets]] stand at the top",
                     DidYouMean(text, {"general", "datasets"})));
  }

  const DatasetRequest& request_;
  fs::path folder_;
  ConfigReport* report_;
};

}  // namespace

absl::Status ParseResolution(const std::string& text, DatasetOptions* options) {
  const std::vector<std::string> sides = absl::StrSplit(text, ',');
  int width = 0;
  int height = 0;
  const bool is_number = sides.size() <= 2 &&
                         absl::SimpleAtoi(sides.front(), &width) &&
                         absl::SimpleAtoi(sides.back(), &height);
  constexpr int kMax = 32768;
  if (!is_number || width < 1 || height < 1 || width > kMax || height > kMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "resolution is \"", text, "\"; expected SIZE or WIDTH,HEIGHT, 1 to ",
        kMax, " pixels"));
  }
  options->width = width;
  options->height = height;
  return absl::OkStatus();
}

absl::StatusOr<DatasetConfig> ReadDatasetConfig(const DatasetRequest& request) {
  ConfigReport report;
  DatasetConfig config;
  if (request.dataset_config.empty()) {
    config = ReadDatasetFolders(request, &report);
  } else {
    report.file = request.dataset_config;
    ASSIGN_OR_RETURN(const toml::table root, ReadDatasetFile(report.file));
    config.datasets = ConfigReader(request, &report).Read(root);
    if (!request.train_data_dir.empty() || !request.reg_data_dir.empty() ||
        !request.in_json.empty()) {
      report.warnings.push_back(
          "train_data_dir, reg_data_dir and in_json are not used: "
          "dataset_config is set");
    }
  }
  const bool has_subsets =
      std::any_of(config.datasets.begin(), config.datasets.end(),
                  [](const auto& dataset) { return !dataset.subsets.empty(); });
  if (report.errors.empty() && !has_subsets) {
    report.errors.push_back("no subset of the dataset is used; see warnings");
  }
  RETURN_IF_ERROR(report.ToStatus());
  WarnOfUnusedOptions(config, request, &report);
  config.warnings = std::move(report.warnings);
  return config;
}

}  // namespace atelier::trainer
