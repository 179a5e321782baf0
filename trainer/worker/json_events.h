// Prints a run's events as JSON lines: what `atelier-trainer run` shows on
// standard output. One object a line with `type`, `step`, `time` and the type's
// own fields (proto/cc/event_json.h).
#pragma once

#include <functional>
#include <ostream>

#include "absl/synchronization/mutex.h"

#include "trainer/job/event_sink.h"

namespace atelier::trainer {

class JsonEvents : public EventSink {
 public:
  // `out` outlives the sink; each line is flushed.
  explicit JsonEvents(std::ostream& out) : out_(out) {}

  void Send(Event event) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  std::ostream& out_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::trainer
