// Threads on which calls may wait for the disk: a gRPC reactor never does.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace atelier::server {

// Threads: any.
class CallPool {
 public:
  explicit CallPool(int threads);
  // Runs what was handed over, then joins.
  ~CallPool();

  // Runs `task` soon. Does not block.
  void Run(std::function<void()> task);

 private:
  void Loop();

  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace atelier::server
