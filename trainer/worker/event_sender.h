// Sends a run's events to the daemon: into the journal first, then up the link.
#pragma once

#include <functional>
#include <string>

#include "absl/synchronization/mutex.h"

#include "trainer/job/event_sink.h"
#include "trainer/worker/journal.h"

namespace atelier::trainer {

class EventSender : public EventSink {
 public:
  // `appended` is called after each event, for the link to send it. `log` gets
  // one line whenever the journal begins or ceases to refuse events.
  EventSender(Journal& journal, std::function<void()> appended,
              std::function<void(const std::string&)> log);

  void Send(Event event) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Journal& journal_;
  const std::function<void()> appended_;
  const std::function<void(const std::string&)> log_;
  absl::Mutex mutex_;
  bool refused_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace atelier::trainer
