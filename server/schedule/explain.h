// Why one job waits, behind how many, and when it may start: for people. Pure
// functions; may go through the whole queue.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/schedule/plan.h"

namespace atelier::server {

struct Explanation {
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  // Most important first; never empty.
  std::vector<std::string> causes;
  // -1: it is not in line.
  int64_t jobs_ahead = -1;
  std::vector<JobId> blocking_jobs;
  // Infinite future: not known.
  absl::Time start = absl::InfiniteFuture();
  // What the estimate rests on, or why there is none.
  std::string basis;
};

// `job` is PENDING or HELD. `ends`: when running jobs are expected to end, by
// their progress, where that is known; time limits bound it.
Explanation ExplainWait(const PlanInput& input, const QueuedJob& job,
                        const std::map<JobId, absl::Time>& ends);

}  // namespace atelier::server
