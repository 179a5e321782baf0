// Where a job's files are below the daemon's state folder:
//
//   jobs/ID/attempt-N/   run folder of an attempt: token, logs, journal, exit
//   jobs/ID/output/      checkpoints, states and samples, unless the job names
//                        a folder of its own
#pragma once

#include <string>

#include "absl/strings/string_view.h"

#include "server/jobs/job.h"

namespace atelier::server {

std::string JobFolder(absl::string_view state_dir, JobId job);
std::string RunFolder(absl::string_view state_dir, const AttemptId& attempt);
std::string DefaultOutputFolder(absl::string_view state_dir, JobId job);

}  // namespace atelier::server
