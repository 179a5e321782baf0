// What `atelier-trainer --describe` prints.
#pragma once

#include <string>

#include "trainer/job/capabilities.h"

namespace atelier::trainer {

// A WorkerCapabilities message as JSON on one line, as protobuf's own JSON
// parser reads it.
std::string CapabilitiesJson(const Capabilities& capabilities);

}  // namespace atelier::trainer
