// Stopping jobs: asked first, then signalled, then ended with all they started.
#include <signal.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"

#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"

namespace atelier::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class CancelTest : public DaemonFixture {
 protected:
  int64_t SubmitPaused(Labels labels = {}) {
    labels.insert({{"steps", "5"}, {"pause", "3"}});
    int64_t id = Submit(labels);
    EXPECT_TRUE(AwaitFile(File("paused.1")));
    return id;
  }
};

TEST_F(CancelTest, WorkerThatIsAskedStopsAndTheJobIsCancelled) {
  StartDaemon();
  int64_t id = SubmitPaused();
  EXPECT_TRUE(Cancel(id).ok());
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job.reason(), v1::JOB_REASON_CANCELLED_BY_USER);
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_CANCELLED);
  EXPECT_EQ(job.attempts(0).exit_code(), 85);
}

TEST_F(CancelTest, WorkerThatIgnoresEverythingIsEndedWithItsChild) {
  Configure("stop_grace_seconds = 0.1\nterm_grace_seconds = 0.1");
  StartDaemon();
  int64_t id = SubmitPaused({{"deaf", "1"}, {"child", "1"}});
  pid_t child = std::stoi(ReadText(File("child")));
  EXPECT_TRUE(Cancel(id).ok());
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job.attempts(0).exit_signal(), SIGKILL);
  EXPECT_TRUE(AwaitProcessEnd(child));
}

TEST_F(CancelTest, ChildOfAKilledWorkerDoesNotOutliveTheAttempt) {
  StartDaemon();
  int64_t id = SubmitPaused({{"child", "1"}});
  pid_t child = std::stoi(ReadText(File("child")));
  kill(WorkerPid(id), SIGKILL);
  WriteText(File("go"), "");
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_TRUE(AwaitProcessEnd(child));
}

TEST_F(CancelTest, ChildIsEndedEvenWhenShimAndWorkerAreKilled) {
  StartDaemon();
  int64_t id = SubmitPaused({{"child", "1"}});
  pid_t child = std::stoi(ReadText(File("child")));
  kill(ShimPid(id), SIGKILL);
  kill(WorkerPid(id), SIGKILL);
  EXPECT_TRUE(AwaitProcessEnd(child));
  WriteText(File("go"), "");
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
}

TEST_F(CancelTest, WaitingJobIsCancelledAtOnceAndNeverStarted) {
  StartDaemon();
  int64_t first = SubmitPaused();
  int64_t second = Submit({});
  EXPECT_TRUE(Cancel(second).ok());
  EXPECT_EQ(ReadJob(second).state(), v1::JOB_STATE_CANCELLED);
  WriteText(File("go"), "");
  AwaitEnd(first);
  EXPECT_THAT(ReadJob(second).attempts(), SizeIs(0));
}

TEST_F(CancelTest, JobThatHasEndedCannotBeCancelled) {
  StartDaemon();
  int64_t id = Submit({});
  AwaitEnd(id);
  grpc::Status status = Cancel(id);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_details(), HasSubstr("JOB_ENDED"));
}

TEST_F(CancelTest, CancelIsFinishedByTheNextDaemon) {
  StartDaemon();
  int64_t id = SubmitPaused({{"deaf", "1"}});
  EXPECT_TRUE(Cancel(id).ok());
  AwaitState(id, v1::JOB_STATE_STOPPING);
  KillDaemon();
  Configure("stop_grace_seconds = 0.1\nterm_grace_seconds = 0.1");
  StartDaemon();
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job.attempts(0).exit_signal(), SIGKILL);
}

}  // namespace
}  // namespace atelier::testing
