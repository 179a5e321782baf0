// How the trainer ends, for shells and for the daemon. Numbers below 80 mean
// what sysexits.h and the daemon's readers of exit statuses know them for; they
// never change.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace atelier::trainer {

enum ExitCode : int {
  kExitOk = 0,
  kExitInvalidInput =
      64,  // options, checkpoint or dataset: a retry cannot help
  kExitInternal = 70,
  kExitCannotCreate = 73,  // output cannot be written, the disk is full
  kExitIo = 74,            // a file cannot be read
  kExitLeaseExpired = 75,  // no contact with the daemon; the state is saved
  kExitDeviceMemory = 76,
  kExitHostMemory = 77,
  kExitLossNotFinite = 78,
  kExitStopped = 85,  // asked to stop, and did
  kExitFenced = 86,   // another attempt took its place
};

// The code for what RunJob returned.
ExitCode ExitCodeFor(const absl::Status& status);

// The JobReason, without prefix, for what RunJob returned; empty when it did
// not fail.
std::string ReasonFor(const absl::Status& status);

}  // namespace atelier::trainer
