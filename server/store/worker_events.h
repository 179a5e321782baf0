// What a worker's events do to its job: kept once each, and its numbers and
// artifacts brought up to date.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "atelier/v1/event.pb.h"
#include "server/jobs/job.h"
#include "server/store/writer.h"

namespace atelier::server {

// As JobStore::AppendWorkerEvents, within a transaction. Gives the highest
// worker_sequence that the transaction makes durable.
absl::StatusOr<int64_t> AppendWorkerEvents(
    WriteTransaction& transaction, const AttemptId& attempt,
    const std::vector<v1::Event>& events);

}  // namespace atelier::server
