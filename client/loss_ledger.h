// The losses of single images, as the job last told of them.
#pragma once

#include "absl/status/statusor.h"

#include "atelier/v1/event.pb.h"
#include "client/connection.h"

namespace atelier::client {

// Reads the job's history up to now. Step 0 and no images where the job has not
// told of any yet.
// Errors: those of WatchJob.
absl::StatusOr<v1::Event> NewestLossLedger(Connection& connection, int64_t id);

}  // namespace atelier::client
