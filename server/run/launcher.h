// Where an attempt's processes run: started, found again, signalled and watched
// until they end. `local` runs them on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/status/status.h"

#include "server/jobs/job.h"

namespace atelier::server {

struct LaunchRequest {
  AttemptId attempt;
  // The attempt's secret, by which its worker is recognised.
  std::string token;
  // Added to the worker's environment, over the daemon's own.
  std::map<std::string, std::string> environment;
  // Of the machine's memory; 0: without limit. Held to where that is possible.
  int64_t memory_limit_bytes = 0;
};

// How an attempt ended. With an empty status nobody knows: machine or shim
// went down with the worker, or it was never started.
struct WorkerExit {
  ExitStatus status;
  bool never_started = false;
  int64_t max_rss_bytes = 0;
  // Processes that the kernel ended because the attempt had used up its memory,
  // and its limit then.
  int64_t memory_kills = 0;
  int64_t memory_limit_bytes = 0;
  // Last lines that the worker printed.
  std::string last_log;
};

class Launcher {
 public:
  // Called once an attempt, after everything that it started is gone.
  // Threads: the launcher's own; must not block for long.
  using ExitCallback = std::function<void(AttemptId, const WorkerExit&)>;

  virtual ~Launcher() = default;

  // Starts a worker. Blocks: a few file writes and a spawn.
  // Errors: ALREADY_EXISTS the attempt was started before; RESOURCE_EXHAUSTED
  // disk full or no more processes; INTERNAL anything else, with the file.
  virtual absl::Status Start(const LaunchRequest& request) = 0;

  // Takes over an attempt that an earlier daemon started. One that has ended
  // meanwhile, or never began, is reported through the callback like any other.
  // Errors: INTERNAL the run folder cannot be read.
  virtual absl::Status Adopt(const AttemptId& attempt) = 0;

  // Asks the worker's process group to end (SIGTERM).
  // Errors: NOT_FOUND no such attempt is running.
  virtual absl::Status Terminate(const AttemptId& attempt) = 0;

  // Ends every process of the attempt at once.
  // Errors: NOT_FOUND no such attempt is running.
  virtual absl::Status Kill(const AttemptId& attempt) = 0;

  // The attempt's shim and worker, each with pid 0 while it is not known.
  virtual ProcessId Shim(const AttemptId& attempt) const = 0;
  virtual ProcessId Worker(const AttemptId& attempt) const = 0;
};

}  // namespace atelier::server
