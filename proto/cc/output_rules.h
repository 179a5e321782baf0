// Rules of what a run writes beside its weights: previews, scalars, metadata.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/rule_report.h"

namespace atelier {

// `config` has its defaults, but for what is said of `given`.
void CheckOutputRules(const v1::TrainingConfig& config, RuleReport report);

// `given` is the config without defaults.
void AddOutputWarnings(const v1::TrainingConfig& given,
                       std::vector<std::string>* warnings);

}  // namespace atelier
