// Rules between options, those of sd-scripts among them. To add one: a line in
// the function of its group, and a case in
// tests/proto/options_validate_test.cc.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/error_details.h"

namespace atelier {

// `config` has its defaults filled in.
void CheckRules(v1::Architecture architecture, const v1::TrainingConfig& config,
                std::vector<Violation>* violations);

// Options among `given` that do nothing beside the others.
void AddEffectWarnings(const v1::TrainingConfig& given,
                       const v1::TrainingConfig& filled,
                       std::vector<std::string>* warnings);

}  // namespace atelier
