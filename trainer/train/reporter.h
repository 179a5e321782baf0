// Speaks for the run: events with the current step, phases with their progress,
// and whether the run was asked to stop.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"

#include "trainer/job/event_sink.h"
#include "trainer/job/stop_token.h"

namespace atelier::trainer {

// Threads: the run's own only.
class Reporter {
 public:
  // Both outlive this.
  Reporter(EventSink& events, StopToken& stop) : events_(events), stop_(stop) {}

  void set_step(int64_t step) { step_ = step; }

  template <typename Kind>
  void Send(Kind kind) {
    events_.Send({step_, std::move(kind)});
  }
  void Warn(const std::string& message) { Send(Warning{message}); }

  // loading, scanning, caching, training, saving, sampling.
  void EnterPhase(const std::string& phase, const std::string& detail = "",
                  int64_t done = 0, int64_t total = 0) {
    phase_ = phase;
    last_progress_ = Clock::now();
    Send(PhaseProgress{phase, done, total, detail});
  }

  // Progress within the phase, told at most four times a second. Errors:
  // CANCELLED when asked to stop.
  absl::Status Progress(int64_t done, int64_t total) {
    const Clock::time_point now = Clock::now();
    if (done == total ||
        now - last_progress_ > std::chrono::milliseconds(250)) {
      last_progress_ = now;
      Send(PhaseProgress{phase_, done, total, ""});
    }
    return StopStatus();
  }

  // CANCELLED when asked to stop.
  absl::Status StopStatus() const {
    return stop_.stop_requested() ? absl::CancelledError("stopped as asked")
                                  : absl::OkStatus();
  }
  StopToken& stop() { return stop_; }

 private:
  using Clock = std::chrono::steady_clock;

  EventSink& events_;
  StopToken& stop_;
  int64_t step_ = 0;
  std::string phase_;
  Clock::time_point last_progress_;
};

}  // namespace atelier::trainer
