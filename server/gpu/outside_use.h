// Whether processes from outside use a device, with hysteresis: a program that
// comes and goes within seconds must not make the device come and go too.
#pragma once

#include "absl/time/time.h"

namespace atelier::server {

class OutsideUse {
 public:
  // In use from the first look that sees it, until no look has for `clear`.
  bool Update(bool is_seen, absl::Time now, absl::Duration clear) {
    if (is_seen) last_seen_ = now;
    return is_seen || now < last_seen_ + clear;
  }

 private:
  absl::Time last_seen_ = absl::InfinitePast();
};

}  // namespace atelier::server
