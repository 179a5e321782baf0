#include "server/schedule/policy.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1000);

AttemptResult Result(v1::AttemptOutcome outcome, v1::JobReason reason) {
  AttemptResult result;
  result.outcome = outcome;
  result.reason = reason;
  result.message = "signal 9";
  return result;
}

Job JobWithAttempts(int count) {
  Job job;
  job.attempt_count = count;
  job.state = v1::JOB_STATE_RUNNING;
  return job;
}

TEST(AfterAttemptTest, LostWorkerIsRetriedEachTimeLater) {
  const RetryRules rules;
  const AttemptResult lost =
      Result(v1::ATTEMPT_OUTCOME_LOST, v1::JOB_REASON_SIGNAL);
  NextStep next = AfterAttempt(JobWithAttempts(1), lost, rules, kNow, 0);
  EXPECT_EQ(next.state, v1::JOB_STATE_PENDING);
  EXPECT_EQ(next.reason, v1::JOB_REASON_BACKOFF);
  EXPECT_EQ(next.not_before, kNow + absl::Seconds(5));
  EXPECT_THAT(next.message, HasSubstr("attempt 1 of 3 ended: signal 9"));
  next = AfterAttempt(JobWithAttempts(2), lost, rules, kNow, 0.5);
  EXPECT_EQ(next.not_before, kNow + absl::Seconds(11));
  next = AfterAttempt(JobWithAttempts(3), lost, rules, kNow, 0);
  EXPECT_EQ(next.state, v1::JOB_STATE_FAILED);
  EXPECT_EQ(next.reason, v1::JOB_REASON_RETRIES_EXHAUSTED);
}

TEST(AfterAttemptTest, BackoffHasALimit) {
  Job job = JobWithAttempts(60);
  job.spec.set_max_attempts(90);
  const NextStep next =
      AfterAttempt(job, Result(v1::ATTEMPT_OUTCOME_LOST, v1::JOB_REASON_SIGNAL),
                   RetryRules(), kNow, 0);
  EXPECT_EQ(next.not_before, kNow + absl::Minutes(10));
}

TEST(AfterAttemptTest, RefusedInputIsNotRetried) {
  const NextStep next = AfterAttempt(
      JobWithAttempts(1),
      Result(v1::ATTEMPT_OUTCOME_FAILED, v1::JOB_REASON_INVALID_INPUT),
      RetryRules(), kNow, 0);
  EXPECT_EQ(next.state, v1::JOB_STATE_FAILED);
  EXPECT_EQ(next.reason, v1::JOB_REASON_INVALID_INPUT);
}

TEST(AfterAttemptTest, CancelledJobIsNotRetried) {
  Job job = JobWithAttempts(1);
  job.cancel_requested = true;
  job.message = "not needed";
  NextStep next =
      AfterAttempt(job, Result(v1::ATTEMPT_OUTCOME_LOST, v1::JOB_REASON_SIGNAL),
                   RetryRules(), kNow, 0);
  EXPECT_EQ(next.state, v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(next.message, "not needed");
  next = AfterAttempt(job, Result(v1::ATTEMPT_OUTCOME_SUCCEEDED, {}),
                      RetryRules(), kNow, 0);
  EXPECT_EQ(next.state, v1::JOB_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace atelier::server
