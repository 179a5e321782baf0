// Job files: a job in TOML.
//
//   [job]                     # who and where; these keys may also stand on top
//   name = "first try"
//   architecture = "sd1"
//   max_attempts = 3
//   stop_grace_seconds = 60
//   labels = { project = "cats" }
//   devices = { type = "cpu", count = 1 }
//
//   [anything]                # options, on top or in any table
//   pretrained_model_name_or_path = "model.safetensors"
//   optimizer_args = ["weight_decay=0.1"]
//
// Files for sd-scripts' --config_file read the same way. Relative paths count
// from the file's folder.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "atelier/v1/job_spec.pb.h"

namespace atelier {

// Keys of the [job] table.
const std::vector<std::string>& JobKeys();

// Errors: INVALID_ARGUMENT with every problem as a violation (error_details.h),
// each with file, line and column. Only types, choices and single ranges are
// checked here; the rest is options_validate.h's. `file_name` is for messages.
absl::StatusOr<v1::JobSpec> JobSpecFromToml(absl::string_view text,
                                            const std::string& file_name,
                                            const std::string& base_dir);

}  // namespace atelier
