#include "proto/cc/dataset_rules.h"

#include "absl/strings/str_cat.h"

#include "proto/cc/number_list.h"

namespace atelier {
namespace {

constexpr double kMaxFaceCrop = 1000;

void CheckSources(const v1::DatasetOptions& dataset, RuleReport report) {
  const bool has_config = dataset.has_dataset_config();
  const bool has_folder = dataset.has_train_data_dir();
  const bool has_source = has_config || has_folder || dataset.has_in_json();
  report.Require(has_source, "dataset_config",
                 "no images are named; give dataset_config, train_data_dir or "
                 "in_json");
  report.Require(
      !has_source || has_config || !dataset.has_reg_data_dir() || has_folder,
      "reg_data_dir", "reg_data_dir needs train_data_dir");
  report.Require(!has_source || has_config || dataset.has_resolution(),
                 "resolution",
                 "resolution must be given with train_data_dir or in_json");
}

}  // namespace

std::optional<FaceCropEnds> ParseFaceCropRange(absl::string_view text) {
  const auto numbers = ParseNumberList(text);
  if (!numbers.has_value() || numbers->size() != 2) return std::nullopt;
  const FaceCropEnds ends = {(*numbers)[0].value, (*numbers)[1].value};
  const bool is_range =
      ends.min > 0 && ends.min <= ends.max && ends.max <= kMaxFaceCrop;
  return is_range ? std::optional(ends) : std::nullopt;
}

void CheckDatasetRules(const v1::DatasetOptions& dataset, RuleReport report) {
  CheckSources(dataset, report);
  report.Require(!dataset.has_conditioning_data_dir() || dataset.masked_loss(),
                 "conditioning_data_dir",
                 "conditioning_data_dir needs masked_loss");
  const std::string& range = dataset.face_crop_aug_range();
  report.Require(!dataset.has_face_crop_aug_range() ||
                     ParseFaceCropRange(range).has_value(),
                 "face_crop_aug_range",
                 absl::StrCat("face_crop_aug_range is \"", range,
                              "\"; must be MIN,MAX, the crop's side over the "
                              "face's, as 2.0,4.0"));
}

void AddDatasetWarnings(const v1::DatasetOptions& given,
                        std::vector<std::string>* warnings) {
  const bool has_config = given.has_dataset_config();
  const auto warn = [&](bool holds, absl::string_view message) {
    if (holds) warnings->push_back(std::string(message));
  };
  warn(has_config && given.has_train_data_dir(),
       "train_data_dir is not used: dataset_config is given");
  warn(has_config && given.has_reg_data_dir(),
       "reg_data_dir is not used: dataset_config is given");
  warn(has_config && given.has_in_json(),
       "in_json is not used: dataset_config is given");
  // A description may have what these need.
  if (has_config) return;
  warn(given.has_in_json() && given.has_reg_data_dir(),
       "reg_data_dir is not used: it does not go with in_json");
  warn(given.has_dataset_repeats() && !given.has_in_json(),
       "dataset_repeats has no effect without in_json or dataset_config");
  warn(given.has_validation_seed() && given.validation_split() == 0,
       "validation_seed has no effect without validation_split");
  warn(given.masked_loss() && !given.has_conditioning_data_dir(),
       "masked_loss has no effect without conditioning_data_dir");
  const bool caches = given.cache_latents() || given.cache_latents_to_disk();
  warn(given.has_face_crop_aug_range() && (given.enable_bucket() || caches),
       "face_crop_aug_range has no effect with enable_bucket or "
       "cache_latents");
}

}  // namespace atelier
