// Lines for people on standard error: the worker's log.
#pragma once

#include <string>

#include "trainer/job/event_sink.h"

namespace atelier::trainer {

// `2026-01-31T12:00:00Z text` on standard error, in one write. Threads: any.
void LogLine(const std::string& text);

// Logs each event in a line and passes it on.
class LogEvents : public EventSink {
 public:
  // `next` outlives this.
  explicit LogEvents(EventSink& next) : next_(next) {}

  void Send(Event event) override;

 private:
  EventSink& next_;
};

}  // namespace atelier::trainer
