// Streams that outlive the daemon: when the line breaks, the caller's function
// opens a new stream from where it stood, until the daemon is back.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "client/connection.h"

namespace atelier::client {

struct StreamLimits {
  // The end of the whole, over all reconnections.
  absl::Time deadline = absl::InfiniteFuture();
};

// Calls `run_once` until it returns something else than a broken line. It opens
// one stream, reads it to its end and returns how it ended; it sets
// `*progressed` when anything arrived. A daemon that was never reached is tried
// four times, one that went away for ten minutes; the user is told once each
// time it goes.
// Errors: those of the stream; DEADLINE_EXCEEDED at the deadline.
absl::Status RunResuming(
    Connection& connection, const StreamLimits& limits,
    const std::function<absl::Status(grpc::ClientContext* call,
                                     bool* progressed)>& run_once);

// The job's events after `after_sequence`, each exactly once and in order, up
// to the one that ends the job.
absl::Status FollowEvents(
    Connection& connection, int64_t id, int64_t after_sequence,
    const StreamLimits& limits,
    const std::function<void(const v1::Event& event)>& visit);

}  // namespace atelier::client
