// Work on files that a thread does beside the one that makes their contents, in
// order.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace atelier::trainer {

// Owns: its thread; the destructor does what still waits and joins it. Threads:
// Add and Finish from one.
class BackgroundWriter {
 public:
  using Work = std::function<absl::Status()>;

  // At most `most_waiting` pieces of work wait.
  explicit BackgroundWriter(size_t most_waiting);
  ~BackgroundWriter();
  BackgroundWriter(const BackgroundWriter&) = delete;
  BackgroundWriter& operator=(const BackgroundWriter&) = delete;

  // Blocks: while too much waits. Errors: the first that any work returned;
  // after it no work is done.
  absl::Status Add(Work work);
  // Blocks: until all is done. Errors: as Add.
  absl::Status Finish();

 private:
  void Run();

  const size_t most_waiting_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> waiting_;
  bool is_working_ = false;
  bool is_ending_ = false;
  absl::Status status_;
  std::thread thread_;
};

}  // namespace atelier::trainer
