// What sd-scripts does where a command says nothing, set by name where
// Atelier's own default is another one.
#pragma once

#include <vector>

#include "client/sd_scripts/option_mapping.h"

namespace atelier::client::sd_scripts {

// Sets options of `training` that are unset, and says so of each.
void AddUpstreamDefaults(const Reading& reading, v1::TrainingConfig* training,
                         std::vector<Disposition>* dispositions);

}  // namespace atelier::client::sd_scripts
