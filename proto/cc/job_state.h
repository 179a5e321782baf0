// The job state machine: which state may follow which. The picture is in
// proto/atelier/v1/job_state.proto.
#pragma once

#include "absl/types/span.h"

#include "atelier/v1/job_state.pb.h"

namespace atelier {

struct JobTransition {
  v1::JobState from;
  v1::JobState to;
};

// Every legal change, for those who build a check of their own from it.
absl::Span<const JobTransition> JobTransitions();

bool CanBecome(v1::JobState from, v1::JobState to);

// SUCCEEDED, FAILED, CANCELLED: states that never change.
bool IsTerminal(v1::JobState state);

}  // namespace atelier
