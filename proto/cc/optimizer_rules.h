// Rules of the optimizer, of the weights' numbers and of fused updates.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/rule_report.h"

namespace atelier {

// `config` has its defaults.
void CheckOptimizerRules(const v1::TrainingConfig& config, RuleReport report);

// What the optimizer makes nothing of, or what is probably a mistake. `given`
// is the config without defaults, `filled` the same with them.
void AddOptimizerWarnings(const v1::TrainingConfig& given,
                          const v1::TrainingConfig& filled,
                          std::vector<std::string>* warnings);

}  // namespace atelier
