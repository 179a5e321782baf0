// Rules of validation, moving averages and going back: what needs what.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/rule_report.h"

namespace atelier {

// `config` has its defaults filled in.
void CheckValidationRules(const v1::TrainingConfig& config, RuleReport report);

// Options among `given` that do nothing beside the others.
void AddValidationWarnings(const v1::TrainingConfig& given,
                           const v1::TrainingConfig& filled,
                           std::vector<std::string>* warnings);

}  // namespace atelier
