#include "server/run/attempt_result.h"

#include <csignal>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;

AttemptEvidence Ended(int code) {
  AttemptEvidence evidence;
  evidence.exit.status.code = code;
  return evidence;
}

v1::DoneEvent Said(const char* outcome, const char* reason = "",
                   const char* message = "") {
  v1::DoneEvent done;
  done.set_outcome(outcome);
  done.set_reason(reason);
  done.set_message(message);
  return done;
}

TEST(AttemptResultTest, EveryExitStatusHasItsReason) {
  const std::pair<int, v1::JobReason> expected[] = {
      {64, v1::JOB_REASON_INVALID_INPUT},
      {70, v1::JOB_REASON_EXIT_NONZERO},
      {73, v1::JOB_REASON_DISK_FULL},
      {74, v1::JOB_REASON_EXIT_NONZERO},
      {75, v1::JOB_REASON_LEASE_EXPIRED},
      {76, v1::JOB_REASON_OUT_OF_MEMORY_GPU},
      {77, v1::JOB_REASON_OUT_OF_MEMORY_HOST},
      {78, v1::JOB_REASON_LOSS_NOT_FINITE},
      {86, v1::JOB_REASON_WORKER_LOST},
      {127, v1::JOB_REASON_START_FAILED},
      {3, v1::JOB_REASON_EXIT_NONZERO},
  };
  for (const auto& [code, reason] : expected) {
    AttemptResult result = DescribeEnd(Ended(code));
    EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_FAILED) << code;
    EXPECT_EQ(result.reason, reason) << code;
    EXPECT_EQ(result.exit.code, code);
  }
}

TEST(AttemptResultTest, ExitStatusZeroIsSuccess) {
  EXPECT_EQ(DescribeEnd(Ended(0)).outcome, v1::ATTEMPT_OUTCOME_SUCCEEDED);
}

AttemptEvidence StoppedFor(v1::JobReason reason, int code) {
  AttemptEvidence evidence = Ended(code);
  evidence.stop_reason = reason;
  evidence.stop_message = "why";
  return evidence;
}

TEST(AttemptResultTest, WorkerThatStopsToGoOnWasPreempted) {
  for (const int code : {85, 70}) {
    const AttemptResult result =
        DescribeEnd(StoppedFor(v1::JOB_REASON_GPU_UNHEALTHY, code));
    EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_PREEMPTED) << code;
    EXPECT_EQ(result.reason, v1::JOB_REASON_GPU_UNHEALTHY);
    EXPECT_EQ(result.message, "why");
  }
}

TEST(AttemptResultTest, OverTheTimeLimitIsTimedOutUnlessItWasDone) {
  EXPECT_EQ(DescribeEnd(StoppedFor(v1::JOB_REASON_TIME_LIMIT, 85)).outcome,
            v1::ATTEMPT_OUTCOME_TIMED_OUT);
  EXPECT_EQ(DescribeEnd(StoppedFor(v1::JOB_REASON_TIME_LIMIT, 0)).outcome,
            v1::ATTEMPT_OUTCOME_SUCCEEDED);
}

TEST(AttemptResultTest, OwnFailureWhileStoppingStaysOne) {
  AttemptEvidence evidence = StoppedFor(v1::JOB_REASON_PREEMPTED, 78);
  evidence.done = Said("failed", "LOSS_NOT_FINITE", "loss is nan");
  EXPECT_EQ(DescribeEnd(evidence).reason, v1::JOB_REASON_LOSS_NOT_FINITE);
  // A sick GPU makes it fail in any way.
  evidence.stop_reason = v1::JOB_REASON_GPU_UNHEALTHY;
  EXPECT_EQ(DescribeEnd(evidence).outcome, v1::ATTEMPT_OUTCOME_PREEMPTED);
}

TEST(AttemptResultTest, KernelsWordOnMemoryExplainsTheSignal) {
  AttemptEvidence evidence;
  evidence.exit.status.signal = SIGKILL;
  evidence.exit.memory_kills = 1;
  evidence.exit.memory_limit_bytes = int64_t{3} << 30;
  const AttemptResult result = DescribeEnd(evidence);
  EXPECT_EQ(result.reason, v1::JOB_REASON_OUT_OF_MEMORY_HOST);
  EXPECT_THAT(result.message, HasSubstr("used up its 3.0 GiB"));
}

TEST(AttemptResultTest, LastWordsAreTheBetterSource) {
  AttemptEvidence evidence = Ended(70);
  evidence.done = Said("failed", "LOSS_NOT_FINITE", "loss is nan at step 3");
  AttemptResult result = DescribeEnd(evidence);
  EXPECT_EQ(result.reason, v1::JOB_REASON_LOSS_NOT_FINITE);
  EXPECT_EQ(result.message, "loss is nan at step 3");
}

TEST(AttemptResultTest, ReasonThatIsNotKnownIsTakenFromTheExitStatus) {
  AttemptEvidence evidence = Ended(64);
  evidence.done = Said("failed", "SOMETHING_NEW", "no such file");
  EXPECT_EQ(DescribeEnd(evidence).reason, v1::JOB_REASON_INVALID_INPUT);
}

TEST(AttemptResultTest, CrashAfterASuccessTakesNothingBack) {
  AttemptEvidence evidence;
  evidence.exit.status.signal = SIGSEGV;
  evidence.done = Said("succeeded");
  EXPECT_EQ(DescribeEnd(evidence).outcome, v1::ATTEMPT_OUTCOME_SUCCEEDED);
}

TEST(AttemptResultTest, StopIsACancelOnlyWhenItWasAskedFor) {
  AttemptEvidence evidence = Ended(85);
  EXPECT_EQ(DescribeEnd(evidence).outcome, v1::ATTEMPT_OUTCOME_LOST);
  evidence.asked_to_stop = true;
  EXPECT_EQ(DescribeEnd(evidence).outcome, v1::ATTEMPT_OUTCOME_CANCELLED);
}

TEST(AttemptResultTest, SignalIsNamed) {
  AttemptEvidence evidence;
  evidence.exit.status.signal = SIGKILL;
  AttemptResult result = DescribeEnd(evidence);
  EXPECT_EQ(result.reason, v1::JOB_REASON_SIGNAL);
  EXPECT_THAT(result.message, HasSubstr("signal 9 (Killed)"));
}

TEST(AttemptResultTest, SilentWorkerLostItsLease) {
  AttemptEvidence evidence;
  evidence.exit.status.signal = SIGKILL;
  evidence.lease_expired = true;
  AttemptResult result = DescribeEnd(evidence);
  EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_LOST);
  EXPECT_EQ(result.reason, v1::JOB_REASON_LEASE_EXPIRED);
}

TEST(AttemptResultTest, EndThatNobodySawIsALoss) {
  AttemptResult result = DescribeEnd({});
  EXPECT_EQ(result.outcome, v1::ATTEMPT_OUTCOME_LOST);
  EXPECT_EQ(result.reason, v1::JOB_REASON_WORKER_LOST);
}

}  // namespace
}  // namespace atelier::server
