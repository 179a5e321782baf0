// What the client's exit status says. Fixed: scripts rely on it.
#pragma once

#include "absl/status/status.h"

#include "atelier/v1/job.pb.h"

namespace atelier::client {

enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitNotFound = 3,
  kExitDenied = 4,
  kExitUnreachable = 5,
  kExitConflict = 6,
  kExitExhausted = 7,
  kExitTimedOut = 8,
  kExitJobFailed = 10,
  kExitJobCancelled = 11,
  kExitJobTimeLimit = 12,
  kExitJobLost = 13,
};

// For a call, or the client itself, that failed.
ExitCode ExitCodeOf(const absl::Status& status);

// For a job that has ended; kExitFailed for one that has not.
ExitCode ExitCodeOf(const v1::Job& job);

}  // namespace atelier::client
