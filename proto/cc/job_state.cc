#include "proto/cc/job_state.h"

#include <algorithm>

namespace atelier {
namespace {

constexpr JobTransition kTransitions[] = {
    {v1::JOB_STATE_PENDING, v1::JOB_STATE_HELD},
    {v1::JOB_STATE_PENDING, v1::JOB_STATE_STARTING},
    {v1::JOB_STATE_PENDING, v1::JOB_STATE_FAILED},
    {v1::JOB_STATE_PENDING, v1::JOB_STATE_CANCELLED},
    {v1::JOB_STATE_HELD, v1::JOB_STATE_PENDING},
    {v1::JOB_STATE_HELD, v1::JOB_STATE_FAILED},
    {v1::JOB_STATE_HELD, v1::JOB_STATE_CANCELLED},
    // A worker may end before its daemon heard from it.
    {v1::JOB_STATE_STARTING, v1::JOB_STATE_PENDING},
    {v1::JOB_STATE_STARTING, v1::JOB_STATE_RUNNING},
    {v1::JOB_STATE_STARTING, v1::JOB_STATE_STOPPING},
    {v1::JOB_STATE_STARTING, v1::JOB_STATE_SUCCEEDED},
    {v1::JOB_STATE_STARTING, v1::JOB_STATE_FAILED},
    {v1::JOB_STATE_RUNNING, v1::JOB_STATE_PENDING},
    {v1::JOB_STATE_RUNNING, v1::JOB_STATE_STOPPING},
    {v1::JOB_STATE_RUNNING, v1::JOB_STATE_SUCCEEDED},
    {v1::JOB_STATE_RUNNING, v1::JOB_STATE_FAILED},
    {v1::JOB_STATE_STOPPING, v1::JOB_STATE_PENDING},
    {v1::JOB_STATE_STOPPING, v1::JOB_STATE_SUCCEEDED},
    {v1::JOB_STATE_STOPPING, v1::JOB_STATE_FAILED},
    {v1::JOB_STATE_STOPPING, v1::JOB_STATE_CANCELLED},
};

}  // namespace

absl::Span<const JobTransition> JobTransitions() { return kTransitions; }

bool CanBecome(v1::JobState from, v1::JobState to) {
  return std::any_of(std::begin(kTransitions), std::end(kTransitions),
                     [&](const JobTransition& transition) {
                       return transition.from == from && transition.to == to;
                     });
}

bool IsTerminal(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED ||
         state == v1::JOB_STATE_CANCELLED;
}

}  // namespace atelier
