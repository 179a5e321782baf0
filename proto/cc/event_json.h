// Events as JSON lines, the form in which `atelier-trainer run` and `atelier
// watch --json` print them.
#pragma once

#include <string>

#include "nlohmann/json.hpp"

#include "atelier/v1/event.pb.h"

namespace atelier {

// The kind as `type` counts it: phase, step, checkpoint, sample, warning, done,
// buckets, training_state, state, resumed; `unknown_N` for a field N that this
// program does not know.
std::string EventType(const v1::Event& event);

// One flat object: type, step, time, attempt, sequence, then the kind's own
// fields by their proto names. `sequence` is the daemon's, or the worker's own
// where no daemon has set one. See message_json.h for the values.
nlohmann::ordered_json EventToJson(const v1::Event& event);

// The object on one line, without a line end.
std::string EventJsonLine(const v1::Event& event);

}  // namespace atelier
