// The file that a script's --config_file names: TOML, its tables flattened by
// one level, their names without meaning.
#pragma once

#include <string>
#include <vector>

#include "client/sd_scripts/given_options.h"
#include "client/sd_scripts/script.h"
#include "client/sd_scripts/surroundings.h"
#include "proto/cc/error_details.h"

namespace atelier::client::sd_scripts {

// `name` as typed, from the surroundings' folder on; `.toml` is added where it
// is missing. Flags that are false are as if they were not there. Unlike
// sd-scripts, unknown keys and values of another type are problems.
// Returns every problem at once; what is right is in `given` all the same.
std::vector<Violation> ReadScriptConfig(const std::string& name,
                                        const Script& script,
                                        const Surroundings& surroundings,
                                        GivenOptions* given);

}  // namespace atelier::client::sd_scripts
