// Many clients that watch one job.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tests/bench/daemon_load/load_daemon.h"

namespace atelier::bench {

struct WatchResult {
  // Step events that all watchers have together received, each in order and
  // without a gap.
  int64_t received = 0;
  // From the making of an event to its arrival.
  std::vector<double> seconds;
};

class Watchers {
 public:
  // Begins `count` streams of the job and returns when each has had an event.
  Watchers(const LoadDaemon& daemon, int64_t job, int count);
  ~Watchers();

  // Blocks until the job has ended and every stream with it.
  WatchResult Await();

 private:
  class Stream;

  std::vector<std::unique_ptr<v1::JobService::Stub>> stubs_;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace atelier::bench
