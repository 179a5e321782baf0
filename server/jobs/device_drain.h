// A device that is not handed out, until somebody puts it back.
#pragma once

#include <string>

#include "absl/time/time.h"

namespace atelier::server {

struct DeviceDrain {
  std::string device;
  // It reported a fault; else somebody asked for it.
  bool is_fault = false;
  // One sentence for people.
  std::string message;
  absl::Time time = absl::InfinitePast();
};

}  // namespace atelier::server
