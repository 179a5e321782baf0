// Following a job to its end, for the commands whose exit status is its
// outcome.
#pragma once

#include "absl/status/statusor.h"

#include "client/command.h"
#include "client/resuming_stream.h"

namespace atelier::client {

// Shows the job's events after `after_sequence` until it ends; returns the exit
// status of its outcome.
absl::StatusOr<int> WatchToTheEnd(const Invocation& invocation,
                                  Connection& connection, int64_t id,
                                  int64_t after_sequence);

// Waits without a word, and returns the ended job.
// Errors: DEADLINE_EXCEEDED at the limit.
absl::StatusOr<v1::Job> AwaitEnd(Connection& connection, int64_t id,
                                 const StreamLimits& limits);

// How it ended, in a line: `job 7 FAILED (DISK_FULL): …`.
void PrintOutcome(const v1::Job& job, const Context& context);

}  // namespace atelier::client
