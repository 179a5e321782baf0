// A script's options as training options.
#pragma once

#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "client/sd_scripts/disposition.h"
#include "client/sd_scripts/given_options.h"
#include "client/sd_scripts/surroundings.h"
#include "proto/cc/error_details.h"

namespace atelier::client::sd_scripts {

// What is being read.
struct Reading {
  const GivenOptions& given;
  const Script& script;
  v1::Architecture architecture;
  const Surroundings& surroundings;
};

// Sets in `training` what the given options come to, and says so of each.
// Returns values that a training option does not take.
std::vector<Violation> MapOptions(const Reading& reading,
                                  v1::TrainingConfig* training,
                                  std::vector<Disposition>* dispositions);

}  // namespace atelier::client::sd_scripts
