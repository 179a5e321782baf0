// Where an attempt's processes run: started, found again, signalled and watched
// until they end. `local` runs them on this machine.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace atelier::server {

// One start of one job.
struct AttemptKey {
  int64_t job_id = 0;
  int32_t attempt = 0;

  friend auto operator<=>(const AttemptKey&, const AttemptKey&) = default;
};

struct LaunchRequest {
  AttemptKey key;
  // The attempt's secret, by which its worker is recognised.
  std::string token;
  // Added to the worker's environment, over the daemon's own.
  std::map<std::string, std::string> environment;
};

// How an attempt ended. Without code and signal nobody knows: machine or shim
// went down with the worker, or it was never started.
struct WorkerExit {
  std::optional<int> code;
  std::optional<int> signal;
  bool never_started = false;
  int64_t max_rss_bytes = 0;
  // Last lines that the worker printed.
  std::string last_log;
};

class Launcher {
 public:
  // Called once an attempt, after everything that it started is gone.
  // Threads: the launcher's own; must not block for long.
  using ExitCallback = std::function<void(AttemptKey, const WorkerExit&)>;

  virtual ~Launcher() = default;

  // Starts a worker. Blocks: a few file writes and a spawn.
  // Errors: ALREADY_EXISTS the attempt was started before; RESOURCE_EXHAUSTED
  // disk full or no more processes; INTERNAL anything else, with the file.
  virtual absl::Status Start(const LaunchRequest& request) = 0;

  // Takes over an attempt that an earlier daemon started. One that has ended
  // meanwhile, or never began, is reported through the callback like any other.
  // Errors: INTERNAL the run folder cannot be read.
  virtual absl::Status Adopt(const AttemptKey& key) = 0;

  // Asks the worker's process group to end (SIGTERM).
  // Errors: NOT_FOUND no such attempt is running.
  virtual absl::Status Terminate(const AttemptKey& key) = 0;

  // Ends every process of the attempt at once.
  // Errors: NOT_FOUND no such attempt is running.
  virtual absl::Status Kill(const AttemptKey& key) = 0;

  // Pid of the worker; 0 while unknown.
  virtual int WorkerPid(const AttemptKey& key) const = 0;
};

}  // namespace atelier::server
