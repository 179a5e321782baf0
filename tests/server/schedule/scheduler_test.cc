#include "server/schedule/scheduler.h"

#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

class SchedulerTest : public testing::StateTest {
 protected:
  SchedulerTest() : leases_(clock_, absl::Minutes(30), absl::Minutes(1)) {
    SchedulerOptions options;
    options.min_free_bytes = 10;
    SchedulerHooks hooks;
    hooks.devices = [] { return std::vector<DeviceState>{CpuSlot(0)}; };
    hooks.start = [this](const AttemptToStart& attempt) {
      absl::MutexLock lock(&mutex_);
      started_.push_back(attempt);
      return start_result_;
    };
    hooks.lease_expired = [this](const AttemptId& attempt) {
      absl::MutexLock lock(&mutex_);
      expired_.push_back(attempt);
    };
    hooks.free_bytes = [this] {
      absl::MutexLock lock(&mutex_);
      return free_bytes_;
    };
    scheduler_ = std::make_unique<Scheduler>(
        options, jobs(), state_->schedule(), clock_, &leases_, hooks);
    state_->AddListener(scheduler_.get());
    state_->AddListener(&counter_);
  }
  ~SchedulerTest() override {
    scheduler_->Stop();
    state_->RemoveListener(&counter_);
    state_->RemoveListener(scheduler_.get());
  }

  // Wakes whoever waits for a state.
  class Counter : public EventListener {
   public:
    void OnEvents(JobId, absl::Span<const v1::Event>) override {
      absl::MutexLock lock(&mutex_);
      ++count_;
    }
    void AwaitMoreThan(int64_t seen) {
      absl::MutexLock lock(&mutex_);
      const auto more = [&] { return count_ > seen; };
      mutex_.AwaitWithTimeout(absl::Condition(&more), kPatience);
    }
    int64_t count() {
      absl::MutexLock lock(&mutex_);
      return count_;
    }

   private:
    absl::Mutex mutex_;
    int64_t count_ = 0;
  };

  bool AwaitStarts(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] { return started_.size() >= count; };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
  }

  // Waits until the job has that reason; gives the job.
  Job AwaitReason(JobId id, v1::JobReason reason) {
    while (true) {
      const int64_t seen = counter_.count();
      const Job job = *jobs().ReadJob(id);
      if (job.reason == reason) return job;
      counter_.AwaitMoreThan(seen);
      if (counter_.count() == seen) {
        ADD_FAILURE() << "job " << id << " never got reason " << reason;
        return job;
      }
    }
  }

  AttemptResult Lost(const AttemptId& attempt) {
    AttemptResult result;
    result.id = attempt;
    result.outcome = v1::ATTEMPT_OUTCOME_LOST;
    result.reason = v1::JOB_REASON_SIGNAL;
    result.exit.signal = 9;
    return result;
  }

  absl::Mutex mutex_;
  std::vector<AttemptToStart> started_;
  std::vector<AttemptId> expired_;
  absl::Status start_result_;
  int64_t free_bytes_ = 1000;
  WorkerLeases leases_;
  Counter counter_;
  std::unique_ptr<Scheduler> scheduler_;
};

TEST_F(SchedulerTest, SubmittedJobIsStartedWithItsToken) {
  scheduler_->Start();
  const JobId id = Submit();
  ASSERT_TRUE(AwaitStarts(1));
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(started_[0].job.id, id);
  EXPECT_EQ(started_[0].job.state, v1::JOB_STATE_STARTING);
  EXPECT_EQ(started_[0].token.size(), 64u);
  EXPECT_EQ(started_[0].attempt.devices, std::vector<std::string>{"cpu:0"});
}

TEST_F(SchedulerTest, NextJobStartsWhenTheDeviceIsFree) {
  scheduler_->Start();
  Submit();
  const JobId second = Submit();
  ASSERT_TRUE(AwaitStarts(1));
  AwaitReason(second, v1::JOB_REASON_RESOURCES);
  AttemptResult result;
  result.id = {1, 1};
  result.outcome = v1::ATTEMPT_OUTCOME_SUCCEEDED;
  const auto ended = scheduler_->AttemptEnded(result);
  ASSERT_TRUE(ended.ok()) << ended.status();
  EXPECT_EQ(ended->state, v1::JOB_STATE_SUCCEEDED);
  ASSERT_TRUE(AwaitStarts(2));
  EXPECT_EQ(jobs().ReadHeldDevices()->leases.front().holder.job, second);
}

TEST_F(SchedulerTest, LostWorkerIsStartedAgainAfterTheBackoff) {
  scheduler_->Start();
  const JobId id = Submit();
  ASSERT_TRUE(AwaitStarts(1));
  const auto job = scheduler_->AttemptEnded(Lost({id, 1}));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->state, v1::JOB_STATE_PENDING);
  EXPECT_GT(job->not_before, clock_.Now());
  clock_.Advance(absl::Seconds(10));
  ASSERT_TRUE(AwaitStarts(2));
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(started_[1].attempt.id, (AttemptId{id, 2}));
}

TEST_F(SchedulerTest, AttemptEndsOnce) {
  scheduler_->Start();
  const JobId id = Submit();
  ASSERT_TRUE(AwaitStarts(1));
  ASSERT_TRUE(scheduler_->AttemptEnded(Lost({id, 1})).ok());
  EXPECT_TRUE(
      absl::IsAborted(scheduler_->AttemptEnded(Lost({id, 1})).status()));
}

TEST_F(SchedulerTest, CancelledWorkerEndsItsJob) {
  scheduler_->Start();
  const JobId id = Submit();
  ASSERT_TRUE(AwaitStarts(1));
  ASSERT_TRUE(jobs().RequestCancel(id, "enough").ok());
  const auto job = scheduler_->AttemptEnded(Lost({id, 1}));
  EXPECT_EQ(job->state, v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job->message, "enough");
}

TEST_F(SchedulerTest, WorkerThatCannotBeStartedFailsItsAttempt) {
  {
    absl::MutexLock lock(&mutex_);
    start_result_ = absl::NotFoundError("no such program");
  }
  scheduler_->Start();
  const Job job = AwaitReason(Submit(), v1::JOB_REASON_BACKOFF);
  EXPECT_EQ(job.attempts[0].reason, v1::JOB_REASON_START_FAILED);
  EXPECT_THAT(job.message, ::testing::HasSubstr("no such program"));
}

TEST_F(SchedulerTest, DrainingStartsNothing) {
  ASSERT_TRUE(scheduler_->Drain("new disk", false).ok());
  scheduler_->Start();
  const JobId id = Submit();
  AwaitReason(id, v1::JOB_REASON_DRAINING);
  EXPECT_TRUE(started_.empty());
  ASSERT_TRUE(scheduler_->Resume().ok());
  EXPECT_TRUE(AwaitStarts(1));
}

TEST_F(SchedulerTest, LowDiskSpaceIsWaitedOut) {
  {
    absl::MutexLock lock(&mutex_);
    free_bytes_ = 1;
  }
  scheduler_->Start();
  AwaitReason(Submit(), v1::JOB_REASON_DISK_LOW);
  {
    absl::MutexLock lock(&mutex_);
    free_bytes_ = 1000;
  }
  clock_.Advance(absl::Seconds(10));
  EXPECT_TRUE(AwaitStarts(1));
}

TEST_F(SchedulerTest, SilentWorkerIsReportedOnce) {
  scheduler_->Start();
  Submit();
  ASSERT_TRUE(AwaitStarts(1));
  clock_.Advance(absl::Minutes(32));
  absl::MutexLock lock(&mutex_);
  const auto told = [&] { return !expired_.empty(); };
  ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&told), kPatience));
  EXPECT_EQ(expired_.size(), 1u);
}

TEST(WorkerLeasesTest, RenewedLeaseDoesNotExpire) {
  FakeClock clock;
  WorkerLeases leases(clock, absl::Seconds(10), absl::Seconds(5));
  EXPECT_EQ(leases.Renew({1, 1}), clock.Now() + absl::Seconds(10));
  leases.Renew({2, 1});
  clock.Advance(absl::Seconds(12));
  leases.Renew({1, 1});
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(leases.TakeExpired(), std::vector<AttemptId>({{2, 1}}));
  EXPECT_TRUE(leases.TakeExpired().empty());
  leases.Drop({1, 1});
  EXPECT_EQ(leases.NextExpiry(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace atelier::server
