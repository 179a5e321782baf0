// Rules between the options of models, their encoders, their objective and
// their memory.
#pragma once

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/rule_report.h"

namespace atelier {

// `config` has its defaults filled in.
void CheckModelRules(v1::Architecture architecture,
                     const v1::TrainingConfig& config, RuleReport report);

}  // namespace atelier
