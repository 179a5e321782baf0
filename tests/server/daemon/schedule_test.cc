// Turns in the queue of the real daemon: stopped jobs go on from their state,
// and what was decided or asked for survives kill -9.
#include "gmock/gmock.h"

#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"

namespace atelier::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ScheduleTest : public DaemonFixture {
 protected:
  // A job whose worker waits before its third step of five.
  v1::JobSpec Paused() const { return Spec({{"steps", "5"}, {"pause", "3"}}); }

  v1::ExplainJobResponse Why(int64_t id) {
    v1::ExplainJobRequest request;
    request.set_id(id);
    v1::ExplainJobResponse response;
    grpc::ClientContext call;
    const grpc::Status status =
        schedule_->ExplainJob(&call, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  grpc::Status Drain(const std::string& message) {
    v1::DrainRequest request;
    request.set_message(message);
    v1::DrainResponse response;
    grpc::ClientContext call;
    return schedule_->Drain(&call, request, &response);
  }
  grpc::Status Resume() {
    v1::ResumeResponse response;
    grpc::ClientContext call;
    return schedule_->Resume(&call, v1::ResumeRequest(), &response);
  }
  grpc::Status Release(int64_t id) {
    v1::ReleaseJobRequest request;
    request.set_id(id);
    v1::ReleaseJobResponse response;
    grpc::ClientContext call;
    return schedule_->ReleaseJob(&call, request, &response);
  }
  grpc::Status Requeue(int64_t id) {
    v1::RequeueJobRequest request;
    request.set_id(id);
    v1::RequeueJobResponse response;
    grpc::ClientContext call;
    return schedule_->RequeueJob(&call, request, &response);
  }
};

std::vector<int64_t> StepsIn(const std::vector<v1::Event>& events) {
  std::vector<int64_t> steps;
  for (const v1::Event& event : events)
    if (event.has_step_done()) steps.push_back(event.step());
  return steps;
}

TEST_F(ScheduleTest, HigherPriorityStopsALowerJobWhichGoesOnWhereItStopped) {
  Configure("[scheduling]\nmin_run_seconds = 0");
  StartDaemon();
  const int64_t low = SubmitSpec(Paused());
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  v1::JobSpec urgent = Spec({{"steps", "1"}});
  urgent.set_priority(10);
  const int64_t high = SubmitSpec(urgent);
  EXPECT_EQ(AwaitEnd(high).state(), v1::JOB_STATE_SUCCEEDED);
  WriteText(File("go"), "");
  EXPECT_THAT(StepsIn(Watch(low)), ElementsAre(1, 2, 3, 4, 5));
  const v1::Job job = ReadJob(low);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.message();
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
  EXPECT_EQ(job.attempts(0).reason(), v1::JOB_REASON_PREEMPTED);
}

TEST_F(ScheduleTest, PreemptionUnderWayIsFinishedByTheNextDaemon) {
  Configure("term_grace_seconds = 0.1\n[scheduling]\nmin_run_seconds = 0");
  StartDaemon();
  v1::JobSpec deaf = Spec({{"steps", "5"}, {"pause", "3"}, {"deaf", "1"}});
  deaf.mutable_stop_grace()->set_seconds(0);
  const int64_t low = SubmitSpec(deaf);
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  v1::JobSpec urgent = Spec({{"steps", "1"}});
  urgent.set_priority(10);
  const int64_t high = SubmitSpec(urgent);
  AwaitState(low, v1::JOB_STATE_STOPPING);
  KillDaemon();
  StartDaemon();
  EXPECT_EQ(AwaitEnd(high).state(), v1::JOB_STATE_SUCCEEDED);
  WriteText(File("go"), "");
  const v1::Job job = AwaitEnd(low);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.message();
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_PREEMPTED);
}

TEST_F(ScheduleTest, HoldsDependenciesAndDrainSurviveAKill) {
  StartDaemon();
  const int64_t first = SubmitSpec(Paused());
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  v1::JobSpec spec = Spec({{"steps", "1"}});
  spec.set_hold(true);
  const int64_t held = SubmitSpec(spec);
  spec.set_hold(false);
  spec.add_after()->set_job_id(first);
  const int64_t after = SubmitSpec(spec);
  ASSERT_TRUE(Drain("moving house").ok());
  KillDaemon();
  StartDaemon();
  WriteText(File("go"), "");
  EXPECT_EQ(AwaitEnd(first).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Why(held).reason(), v1::JOB_REASON_HELD_BY_USER);
  EXPECT_EQ(Why(held).jobs_ahead(), -1);
  v1::ExplainJobResponse why = Why(after);
  EXPECT_EQ(why.reason(), v1::JOB_REASON_DRAINING);
  EXPECT_THAT(why.message(), HasSubstr("moving house"));
  ASSERT_TRUE(Resume().ok());
  EXPECT_EQ(AwaitEnd(after).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(ReadJob(held).state(), v1::JOB_STATE_HELD);
  ASSERT_TRUE(Release(held).ok());
  EXPECT_EQ(AwaitEnd(held).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(Release(held).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ScheduleTest, WhyTellsOfHoldersPlaceAndEstimate) {
  StartDaemon();
  v1::JobSpec limited = Paused();
  limited.mutable_time_limit()->set_seconds(3600);
  const int64_t running = SubmitSpec(limited);
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  const int64_t next = SubmitSpec(Spec({}));
  const int64_t last = SubmitSpec(Spec({}));
  v1::ExplainJobResponse why = Why(next);
  EXPECT_EQ(why.reason(), v1::JOB_REASON_RESOURCES);
  EXPECT_THAT(why.blocking_jobs(), ElementsAre(running));
  EXPECT_EQ(why.jobs_ahead(), 0);
  EXPECT_TRUE(why.has_estimated_start());
  why = Why(last);
  EXPECT_EQ(why.reason(), v1::JOB_REASON_PRIORITY);
  EXPECT_EQ(why.jobs_ahead(), 1);
  WriteText(File("go"), "");
  AwaitEnd(last);
}

TEST_F(ScheduleTest, FailedDependencyFailsTheJobThatWaits) {
  StartDaemon();
  const int64_t fails = SubmitSpec(
      Spec({{"steps", "1"}, {"exit", "64"}, {"reason", "INVALID_INPUT"}}));
  v1::JobSpec spec = Spec({{"steps", "1"}});
  spec.add_after()->set_job_id(fails);
  const int64_t after = SubmitSpec(spec);
  const v1::Job job = AwaitEnd(after);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.reason(), v1::JOB_REASON_DEPENDENCY_FAILED);
  EXPECT_THAT(job.attempts(), SizeIs(0));
}

TEST_F(ScheduleTest, RequeuedJobGoesOnAndTheUseOfItCounts) {
  StartDaemon();
  const int64_t id = SubmitSpec(Paused());
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  ASSERT_TRUE(Requeue(id).ok());
  ASSERT_TRUE(AwaitFile(File("paused.2")));
  KillDaemon();
  StartDaemon();
  WriteText(File("go"), "");
  EXPECT_THAT(StepsIn(Watch(id)), ElementsAre(1, 2, 3, 4, 5));
  v1::ListSharesResponse shares;
  grpc::ClientContext call;
  ASSERT_TRUE(
      schedule_->ListShares(&call, v1::ListSharesRequest(), &shares).ok());
  ASSERT_THAT(shares.shares(), SizeIs(1));
  EXPECT_GT(shares.shares(0).decayed_device_seconds(), 0);
}

TEST_F(ScheduleTest, QueuedQuotaIsKept) {
  Configure("[scheduling]\nmax_queued_jobs = 1");
  StartDaemon();
  SubmitSpec(Paused());
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  SubmitSpec(Spec({}));
  v1::SubmitJobRequest request;
  *request.mutable_spec() = Spec({});
  v1::SubmitJobResponse response;
  grpc::ClientContext call;
  const grpc::Status refused = jobs_->SubmitJob(&call, request, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("as many as may"));
  WriteText(File("go"), "");
}

}  // namespace
}  // namespace atelier::testing
