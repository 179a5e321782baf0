// The one place that starts processes.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace atelier::server {

struct SpawnRequest {
  // Absolute path of the program, then its arguments.
  std::vector<std::string> command;
  // Added to the daemon's environment, less what service managers put there.
  std::map<std::string, std::string> environment;
  // Where standard output goes; -1: nowhere.
  int output_fd = -1;
};

// Starts a process in a session of its own with default signal handling, an
// empty signal mask, no standard input and no file descriptor of ours. Safe in
// a process with gRPC threads: never forks without exec. Errors: NOT_FOUND no
// such program; RESOURCE_EXHAUSTED no more processes; INTERNAL otherwise.
absl::StatusOr<pid_t> Spawn(const SpawnRequest& request);

// Runs a program to its end and returns what it printed, at most 1 MiB.
// Errors: as Spawn; DEADLINE_EXCEEDED it took longer (and was killed);
// INTERNAL it failed, with its exit status.
absl::StatusOr<std::string> RunAndRead(const SpawnRequest& request,
                                       absl::Duration limit);

}  // namespace atelier::server
