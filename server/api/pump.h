// What feeds a stream (stream_writer.h).
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace atelier::server {

// What a pump gives.
template <typename Message>
struct Pumped {
  std::deque<Message> messages;
  // Set: the stream ends after the messages.
  std::optional<absl::Status> end;
  // Without messages and end: pump again after this time at the latest.
  absl::Duration idle = absl::InfiniteDuration();
};

// Makes the messages of one stream. Threads: the pool's, one call at a time.
template <typename Message>
class Pump {
 public:
  virtual ~Pump() = default;
  // `idled`: the time that the last pump gave is over. Blocks: may.
  virtual Pumped<Message> Next(bool idled) = 0;
};

// A pump that only says why there is nothing.
template <typename Message>
Pumped<Message> EndWith(absl::Status status) {
  Pumped<Message> result;
  result.end = std::move(status);
  return result;
}

}  // namespace atelier::server
