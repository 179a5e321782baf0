// Where a run's events go: to the daemon and its journal, to standard output,
// or to a test.
#pragma once

#include "trainer/job/event.h"

namespace atelier::trainer {

class EventSink {
 public:
  virtual ~EventSink() = default;

  // Takes the event. Threads: any; events of one thread keep their order.
  // Blocks: at most for a write to a local file.
  virtual void Send(Event event) = 0;
};

}  // namespace atelier::trainer
