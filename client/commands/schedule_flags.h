// Flags of submit that say when a job's turn is, and sweeps: one job for each
// combination of values.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "atelier/v1/job_spec.pb.h"
#include "client/arguments.h"

namespace atelier::client {

// --priority, --group, --after, --hold, --sweep, --sweep-running.
std::vector<Flag> ScheduleFlags();

// Errors: INVALID_ARGUMENT naming the flag.
absl::Status AddScheduleFlags(const Arguments& arguments, v1::JobSpec* spec);

// The jobs of --sweep, as a grid where it is given several times, each with its
// values as labels, in its name and in a folder of its own below output_dir,
// where that is given; the spec itself without the flag. `sweep`
// is a name for all of them that nobody else uses.
// Errors: INVALID_ARGUMENT.
absl::StatusOr<std::vector<v1::JobSpec>> ExpandSweep(const Arguments& arguments,
                                                     const std::string& cwd,
                                                     const std::string& sweep,
                                                     const v1::JobSpec& spec);

}  // namespace atelier::client
