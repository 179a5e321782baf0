// Rules between the options of caches on disk.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/rule_report.h"

namespace atelier {

// `config` has its defaults filled in.
void CheckCacheRules(const v1::TrainingConfig& config, RuleReport report);

// Options of `given` that do nothing.
void AddCacheWarnings(const v1::TrainingConfig& given,
                      std::vector<std::string>* warnings);

}  // namespace atelier
