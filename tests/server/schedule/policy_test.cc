#include "server/schedule/policy.h"

#include <algorithm>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1000);
DeviceState Gpu(const std::string& id) {
  DeviceState device;
  device.id = id;
  device.kind = v1::DEVICE_TYPE_GPU;
  return device;
}

const DeviceState kCpu0 = CpuSlot(0);
const DeviceState kCpu1 = CpuSlot(1);
const DeviceState kGpu = Gpu("GPU-1");

WaitingJob Waiting(JobId id, v1::DeviceType type = v1::DEVICE_TYPE_CPU,
                   int count = 1) {
  WaitingJob job;
  job.id = id;
  job.request.kind = type;
  job.request.count = count;
  return job;
}

// `all` devices, of which jobs hold those that are not `free`.
QueueView View(std::vector<WaitingJob> waiting,
               const std::vector<DeviceState>& free,
               std::vector<DeviceState> all) {
  QueueView view;
  view.waiting = std::move(waiting);
  view.devices = std::move(all);
  for (DeviceState& device : view.devices) {
    const bool is_free = std::any_of(
        free.begin(), free.end(),
        [&](const DeviceState& each) { return each.id == device.id; });
    if (!is_free) device.availability = v1::DEVICE_AVAILABILITY_LEASED;
  }
  view.now = kNow;
  return view;
}

std::vector<v1::JobReason> Reasons(const Decision& decision) {
  std::vector<v1::JobReason> reasons;
  for (const JobWait& wait : decision.waits) reasons.push_back(wait.reason);
  return reasons;
}

TEST(PolicyTest, FirstInIsFirstOut) {
  const Decision decision =
      Choose(View({Waiting(1), Waiting(2), Waiting(3)}, {kCpu0}, {kCpu0}));
  EXPECT_THAT(decision.starts, ElementsAre(JobStart{1, {"cpu:0"}}));
  EXPECT_THAT(Reasons(decision),
              ElementsAre(v1::JOB_REASON_RESOURCES, v1::JOB_REASON_PRIORITY));
}

TEST(PolicyTest, LargeJobAtTheHeadIsNotOvertaken) {
  const Decision decision =
      Choose(View({Waiting(1, v1::DEVICE_TYPE_CPU, 2), Waiting(2)}, {kCpu0},
                  {kCpu0, kCpu1}));
  EXPECT_THAT(decision.starts, IsEmpty());
}

TEST(PolicyTest, DeviceTypesDoNotHoldEachOtherBack) {
  const Decision decision = Choose(View(
      {Waiting(1, v1::DEVICE_TYPE_GPU), Waiting(2)}, {kCpu0}, {kCpu0, kGpu}));
  EXPECT_THAT(decision.starts, ElementsAre(JobStart{2, {"cpu:0"}}));
}

TEST(PolicyTest, JobThatCanNeverStartHoldsNobodyBack) {
  const Decision decision = Choose(
      View({Waiting(1, v1::DEVICE_TYPE_CPU, 9), Waiting(2)}, {kCpu0}, {kCpu0}));
  EXPECT_THAT(decision.starts, ElementsAre(JobStart{2, {"cpu:0"}}));
  EXPECT_THAT(decision.waits[0].message,
              HasSubstr("only 1 is like that; this daemon has 1 x CPU"));
}

TEST(PolicyTest, BackoffEndsAtItsTime) {
  WaitingJob job = Waiting(1);
  job.not_before = kNow + absl::Seconds(3);
  job.reason = v1::JOB_REASON_BACKOFF;
  job.message = "attempt 1 of 3 ended";
  const Decision decision = Choose(View({job, Waiting(2)}, {kCpu0}, {kCpu0}));
  EXPECT_THAT(decision.starts, ElementsAre(JobStart{2, {"cpu:0"}}));
  EXPECT_THAT(decision.waits, ElementsAre(JobWait{1, v1::JOB_REASON_BACKOFF,
                                                  "attempt 1 of 3 ended"}));
  EXPECT_EQ(decision.look_again, job.not_before);
}

TEST(PolicyTest, DrainingAndLowDiskStartNothing) {
  QueueView view = View({Waiting(1)}, {kCpu0}, {kCpu0});
  view.draining = true;
  EXPECT_THAT(Reasons(Choose(view)), ElementsAre(v1::JOB_REASON_DRAINING));
  view.draining = false;
  view.disk_low = true;
  EXPECT_THAT(Reasons(Choose(view)), ElementsAre(v1::JOB_REASON_DISK_LOW));
}

// Whatever the queue: every job is decided on once, no device is given twice.
TEST(PolicyTest, RandomQueuesKeepTheInvariants) {
  std::mt19937 random(11);
  for (int round = 0; round < 5000; ++round) {
    std::vector<DeviceState> devices, free;
    for (unsigned i = 0; i < random() % 5; ++i) {
      DeviceState device;
      device.id = "d" + std::to_string(i);
      device.kind = random() % 2 ? v1::DEVICE_TYPE_CPU : v1::DEVICE_TYPE_GPU;
      devices.push_back(device);
      if (random() % 2) free.push_back(devices.back());
    }
    std::vector<WaitingJob> jobs;
    for (unsigned i = 0; i < random() % 7; ++i) {
      jobs.push_back(Waiting(
          i + 1, random() % 2 ? v1::DEVICE_TYPE_CPU : v1::DEVICE_TYPE_GPU,
          static_cast<int>(1 + random() % 3)));
      if (random() % 3 == 0) jobs.back().not_before = kNow + absl::Seconds(1);
    }
    const Decision decision = Choose(View(jobs, free, devices));
    EXPECT_EQ(decision.starts.size() + decision.waits.size(), jobs.size());
    std::set<std::string> taken;
    for (const JobStart& start : decision.starts) {
      for (const auto& device : start.devices) {
        EXPECT_TRUE(taken.insert(device).second);
      }
    }
    EXPECT_LE(taken.size(), free.size());
  }
}

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
