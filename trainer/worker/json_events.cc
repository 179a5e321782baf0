#include "trainer/worker/json_events.h"

#include "proto/cc/event_json.h"
#include "trainer/worker/event_to_proto.h"

namespace atelier::trainer {

void JsonEvents::Send(Event event) {
  const std::string line = EventJsonLine(ToProto(event));
  absl::MutexLock lock(&mutex_);
  out_ << line << '\n' << std::flush;
}

}  // namespace atelier::trainer
