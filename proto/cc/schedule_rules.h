// Rules of the learning rate's schedule.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/rule_report.h"

namespace atelier {

// `config` has its defaults. What depends on the length of the run is checked
// when that is known.
void CheckScheduleRules(const v1::TrainingConfig& config, RuleReport report);

// Options of other schedules than the chosen one. `given` is the config without
// defaults, `filled` the same with them.
void AddScheduleWarnings(const v1::TrainingConfig& given,
                         const v1::TrainingConfig& filled,
                         std::vector<std::string>* warnings);

}  // namespace atelier
