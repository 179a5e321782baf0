// `admin drain` and `admin resume`: the daemon, or one of its devices.
#pragma once

#include "absl/status/statusor.h"

#include "client/command.h"

namespace atelier::client {

absl::StatusOr<int> RunDrain(const Invocation& invocation);
absl::StatusOr<int> RunResume(const Invocation& invocation);

}  // namespace atelier::client
