// Keeps jobs within the folders that the configuration gives them. All workers
// run as one user, so without this a job could read what only the daemon may.
//
// What is checked is what stands there at submission, symlinks resolved:
// whoever may change files below a root can lead a worker elsewhere later.
// Against users of bad will the daemon's own user must not be able to reach
// what they must not see.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/error_details.h"

namespace atelier::server {

struct PathRoots {
  // Absolute. Empty: anywhere.
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

// Every path among the options, and within the dataset file, that lies outside.
// Blocks: on the file system.
std::vector<Violation> CheckRoots(const PathRoots& roots,
                                  const v1::TrainingConfig& config);

}  // namespace atelier::server
