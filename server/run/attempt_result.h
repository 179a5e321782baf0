// What the traces that a worker left say about its end.
#pragma once

#include <optional>
#include <string>

#include "atelier/v1/event.pb.h"
#include "server/jobs/job.h"
#include "server/run/launcher.h"

namespace atelier::server {

struct AttemptEvidence {
  AttemptId id;
  WorkerExit exit;
  // The worker's own last words, the better source where they came.
  std::optional<v1::DoneEvent> done;
  // The job was being cancelled.
  bool asked_to_stop = false;
  // Why it was being stopped otherwise, as its state said; UNSPECIFIED: it was
  // not. TIME_LIMIT ends it as TIMED_OUT, all others as PREEMPTED: it goes on
  // from its last state.
  v1::JobReason stop_reason = v1::JOB_REASON_UNSPECIFIED;
  std::string stop_message;
  // It was ended because nothing was heard of it.
  bool lease_expired = false;
};

// Exit statuses are those of proto/atelier/v1/worker.proto. Without an exit
// status (the shim was killed) the worker's last words alone decide.
AttemptResult DescribeEnd(const AttemptEvidence& evidence);

}  // namespace atelier::server
