// Reads GPUs again and again on a thread of its own, and a second thread that
// watches the first: a driver that hangs takes nobody with it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#include "server/gpu/gpu_report.h"

namespace atelier::server {

struct GpuWatchOptions {
  absl::Duration interval = absl::Seconds(5);
  // A reading that takes longer has hung.
  absl::Duration timeout = absl::Seconds(10);
};

// What is known at the moment.
struct GpuNews {
  // The last one that came through.
  GpuReport report;
  // Faults since the last news, oldest first.
  std::vector<GpuFault> faults;
  // Why nothing newer is known: the driver hangs or answers with an error;
  // empty: all is well.
  std::string trouble;
  // Readings that failed or hung, since the start.
  int64_t failures = 0;
};

class GpuWatch {
 public:
  // `on_news` runs on the watching thread after every reading, after a fault,
  // and when a reading hangs.
  GpuWatch(GpuWatchOptions options, std::shared_ptr<GpuSource> source,
           std::function<void(const GpuNews&)> on_news);
  // Leaves a thread behind that hangs in the driver; nothing else.
  ~GpuWatch();

  // Waits until the first news were told, at most as long as a reading may
  // take.
  void AwaitFirst();

 private:
  // What both threads share; outlives the watch where the reader hangs.
  struct Shared;
  static void ReadLoop(std::shared_ptr<Shared> shared,
                       std::shared_ptr<GpuSource> source);
  void WatchLoop();

  const GpuWatchOptions options_;
  const std::function<void(const GpuNews&)> on_news_;
  const std::shared_ptr<Shared> shared_;
  std::thread watcher_;
};

}  // namespace atelier::server
