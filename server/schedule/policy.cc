#include "server/schedule/policy.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

// How long before the n-th retry.
absl::Duration Backoff(const RetryRules& rules, int retry, double jitter) {
  const double factor = std::pow(rules.backoff_factor, retry - 1);
  const absl::Duration wait =
      std::min(rules.backoff_initial * factor, rules.backoff_limit);
  return wait * (1 + rules.backoff_jitter * jitter);
}

// Attempts that were stopped to go on later; they do not count as tries.
int CountStopped(const Job& job) {
  return static_cast<int>(std::count_if(
      job.attempts.begin(), job.attempts.end(), [](const Attempt& attempt) {
        return attempt.outcome == v1::ATTEMPT_OUTCOME_PREEMPTED ||
               attempt.outcome == v1::ATTEMPT_OUTCOME_TIMED_OUT;
      }));
}

NextStep Ended(v1::JobState state, const AttemptResult& result) {
  return {state, result.reason, result.message, absl::InfinitePast()};
}

}  // namespace

NextStep AfterAttempt(const Job& job, const AttemptResult& result,
                      const RetryRules& rules, absl::Time now, double jitter) {
  if (result.outcome == v1::ATTEMPT_OUTCOME_SUCCEEDED) {
    return Ended(v1::JOB_STATE_SUCCEEDED, result);
  }
  if (job.cancel_requested) {
    return {v1::JOB_STATE_CANCELLED, v1::JOB_REASON_CANCELLED_BY_USER,
            job.message, absl::InfinitePast()};
  }
  const bool goes_on =
      job.spec.on_time_limit() == v1::TIME_LIMIT_ACTION_REQUEUE;
  if (result.outcome == v1::ATTEMPT_OUTCOME_TIMED_OUT && goes_on) {
    return {v1::JOB_STATE_PENDING, v1::JOB_REASON_REQUEUED,
            absl::StrCat(result.message, "; goes on at its next turn"),
            absl::InfinitePast()};
  }
  if (result.outcome == v1::ATTEMPT_OUTCOME_PREEMPTED) {
    return {v1::JOB_STATE_PENDING, result.reason, result.message,
            absl::InfinitePast()};
  }
  if (!IsRetryable(result.reason)) return Ended(v1::JOB_STATE_FAILED, result);
  const int tries = job.attempt_count - CountStopped(job);
  const int allowed = job.spec.max_attempts() > 0 ? job.spec.max_attempts()
                                                  : rules.max_attempts;
  if (tries >= allowed) {
    NextStep failed = Ended(v1::JOB_STATE_FAILED, result);
    if (allowed == 1) return failed;
    failed.reason = v1::JOB_REASON_RETRIES_EXHAUSTED;
    failed.message = absl::StrCat("attempt ", tries, " of ", allowed,
                                  " failed: ", result.message);
    return failed;
  }
  const absl::Duration wait = Backoff(rules, tries, jitter);
  return {v1::JOB_STATE_PENDING, v1::JOB_REASON_BACKOFF,
          absl::StrCat("attempt ", tries, " of ", allowed,
                       " ended: ", result.message),
          now + wait};
}

bool IsRetryable(v1::JobReason reason) {
  switch (reason) {
    case v1::JOB_REASON_INVALID_INPUT:
    case v1::JOB_REASON_LOSS_NOT_FINITE:
    case v1::JOB_REASON_OUT_OF_MEMORY_HOST:
    case v1::JOB_REASON_OUT_OF_MEMORY_GPU:
    case v1::JOB_REASON_DISK_FULL:
    case v1::JOB_REASON_CANCELLED_BY_USER:
    case v1::JOB_REASON_TIME_LIMIT:
      return false;
    default:
      return true;
  }
}

}  // namespace atelier::server
