// Job files on disk: reading one, and the text of one.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "atelier/v1/job_spec.pb.h"

namespace atelier {

// Relative paths in it count from its folder.
// Blocks: on the file system.
// Errors: NOT_FOUND, PERMISSION_DENIED and INVALID_ARGUMENT for the file
// itself; those of JobSpecFromToml (options_from_toml.h) for what is in it.
absl::StatusOr<v1::JobSpec> ReadJobFile(const std::string& path);

// A job file that reads back as the same spec, options in tables by group.
std::string JobSpecToToml(const v1::JobSpec& spec);

}  // namespace atelier
