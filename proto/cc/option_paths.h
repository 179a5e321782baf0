// Options that name files and folders.
#pragma once

#include <string>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/error_details.h"

namespace atelier {

// Joins every relative path among the options to `base_dir`.
void MakePathsAbsolute(const std::string& base_dir, v1::TrainingConfig* config);

// Checks the paths on this machine, as this process sees them: inputs exist,
// are of the right kind and readable; output folders are writable, or can be
// made below a folder that is. Relative paths are refused. Makes nothing.
// Looks into the dataset file and its folders too (dataset_paths.h).
// Blocks: on the file system.
std::vector<Violation> CheckPaths(const v1::TrainingConfig& config);

}  // namespace atelier
