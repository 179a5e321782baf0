// What the daemon (or a signal) asks of a running job; polled between
// micro-batches.
#pragma once

#include <atomic>

namespace atelier::trainer {

// Threads: any. Set by the wire half or a signal handler, read by the loop.
class StopToken {
 public:
  void RequestStop() { stop_.store(true, std::memory_order_release); }
  // The job will be continued: its state is to be saved even where the job
  // saves none.
  void RequestStopWithState() {
    state_.store(true);
    RequestStop();
  }
  void RequestCheckpoint() { checkpoint_.store(true); }
  void RequestSample() { sample_.store(true); }

  bool stop_requested() const { return stop_.load(std::memory_order_acquire); }
  bool state_requested() const { return state_.load(); }
  // Each request is handed out once.
  bool TakeCheckpointRequest() { return checkpoint_.exchange(false); }
  bool TakeSampleRequest() { return sample_.exchange(false); }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<bool> state_{false};
  std::atomic<bool> checkpoint_{false};
  std::atomic<bool> sample_{false};
};

}  // namespace atelier::trainer
