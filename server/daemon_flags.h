// The command line of atelierd, and how it ends.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/config/daemon_config.h"

namespace atelier::server {

inline constexpr char kDaemonUsage[] =
    "usage: atelierd [--config FILE] [--state-dir DIR] [--check-config] "
    "[--version]\n";

struct DaemonFlags {
  ConfigPlaces places;
  bool check_config = false;
  bool version = false;
};

// Errors: INVALID_ARGUMENT naming the flag.
absl::StatusOr<DaemonFlags> ParseDaemonFlags(int argc, char** argv);

// The exit status for why the daemon could not start; main.cc lists them.
int DaemonExitCode(const absl::Status& status);

}  // namespace atelier::server
