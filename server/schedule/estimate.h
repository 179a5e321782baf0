// When a job may start, if nothing changes: the queue is played forward with
// the ends that time limits and progress promise.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/schedule/plan.h"

namespace atelier::server {

struct StartEstimate {
  // Infinite future: not known.
  absl::Time start = absl::InfiniteFuture();
  std::string basis;
};

// `line`: the jobs that come before, in order, then the job itself.
StartEstimate EstimateStart(const PlanInput& input,
                            const std::vector<const QueuedJob*>& line,
                            const std::map<JobId, absl::Time>& ends);

}  // namespace atelier::server
