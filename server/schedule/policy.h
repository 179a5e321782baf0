// What becomes of a job when its attempt ends. Pure functions: everything they
// need is in their arguments.
#pragma once

#include <string>

#include "absl/time/time.h"

#include "server/jobs/job.h"

namespace atelier::server {

struct RetryRules {
  // For jobs that name none.
  int max_attempts = 3;
  // The n-th retry waits about initial * factor^(n-1), at most `limit`.
  absl::Duration backoff_initial = absl::Seconds(5);
  double backoff_factor = 2;
  absl::Duration backoff_limit = absl::Minutes(10);
  // The wait is stretched by a random share of it up to this one.
  double backoff_jitter = 0.2;
};

// What becomes of the job.
struct NextStep {
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;
  absl::Time not_before = absl::InfinitePast();
};

// `job` is as it was while the attempt ran (STOPPING after a
// cancel); `jitter` in [0, 1).
NextStep AfterAttempt(const Job& job, const AttemptResult& result,
                      const RetryRules& rules, absl::Time now, double jitter);

// Whether starting again can help after such an end.
bool IsRetryable(v1::JobReason reason);

}  // namespace atelier::server
