// What the installed trainer can do, as it says itself.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "atelier/v1/worker.pb.h"

namespace atelier::server {

// Runs `TRAINER --describe`. Blocks: as long as the trainer takes, at most a
// minute.
// Errors: NOT_FOUND no such program; INTERNAL it failed or its answer is not a
// description; DEADLINE_EXCEEDED.
absl::StatusOr<v1::WorkerCapabilities> ReadCapabilities(
    const std::string& trainer_program);

// Fields that are not known are left out, so that a newer trainer is
// understood.
absl::StatusOr<v1::WorkerCapabilities> ParseCapabilities(
    absl::string_view json);

}  // namespace atelier::server
