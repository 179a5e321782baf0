// The events that a worker wrote down in its run folder; the form is in
// proto/atelier/v1/worker.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "atelier/v1/event.pb.h"

namespace atelier::server {

// Calls `take` with the journal's events in order, at most `batch_size` at a
// time, until it fails. A torn or damaged record ends the journal, as does one
// whose sequence does not follow the one before. No file: no events.
// Errors: those of `take`; INTERNAL the file cannot be read.
absl::Status ReadJournal(
    const std::string& path, size_t batch_size,
    const std::function<absl::Status(std::vector<v1::Event>)>& take);

}  // namespace atelier::server
