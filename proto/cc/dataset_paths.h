// What can be seen of a job's images before any is read: whether the dataset
// file is TOML or JSON and names folders that are there, and whether they hold
// images. Its keys and their values are the trainer's to check.
#pragma once

#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/error_details.h"

namespace atelier {

// For options whose own paths exist. Blocks: on the file system.
std::vector<Violation> CheckDatasetPaths(const v1::DatasetOptions& dataset);

}  // namespace atelier
