// The same small piece of work for many numbers, on all cores.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/status/status.h"

namespace atelier::trainer {

// Calls `work` once for every number below `count`, in any order and from
// several threads; it must not throw. `progress`, which may be empty, is called
// from this thread with how many are done; a status that is not OK ends the
// work with it.
//
// Blocks: until all is done. Threads: as many as there are cores, this one
// among them.
inline absl::Status ParallelFor(
    int64_t count, const std::function<void(int64_t number)>& work,
    const std::function<absl::Status(int64_t done, int64_t total)>& progress =
        {}) {
  std::atomic<int64_t> next = 0;
  std::atomic<int64_t> done = 0;
  const auto work_on = [&](auto&& after_each) {
    for (int64_t number = next++; number < count; number = next++) {
      work(number);
      ++done;
      if (!after_each()) return;
    }
  };
  absl::Status status;
  {
    const int64_t cores =
        std::max<int64_t>(1, std::thread::hardware_concurrency());
    std::vector<std::jthread> threads;
    for (int64_t i = 1; i < std::min(cores, count); ++i) {
      threads.emplace_back([&] { work_on([] { return true; }); });
    }
    work_on([&] {
      if (progress) status = progress(done, count);
      if (!status.ok()) next = count;
      return status.ok();
    });
  }
  if (status.ok() && progress && count > 0) status = progress(count, count);
  return status;
}

}  // namespace atelier::trainer
