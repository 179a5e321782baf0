// Rules between the options that say where images come from and where the loss
// counts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/rule_report.h"

namespace atelier {

// `face_crop_aug_range`: `MIN,MAX`, above 0, at most 1000 and ascending.
struct FaceCropEnds {
  double min = 0;
  double max = 0;
};
std::optional<FaceCropEnds> ParseFaceCropRange(absl::string_view text);

// `dataset` has its defaults filled in.
void CheckDatasetRules(const v1::DatasetOptions& dataset, RuleReport report);

// Options that were given and that nothing looks at.
void AddDatasetWarnings(const v1::DatasetOptions& given,
                        std::vector<std::string>* warnings);

}  // namespace atelier
