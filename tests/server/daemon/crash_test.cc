// kill -9 of every part, one at a time and together: no event is lost or told
// twice, and the job goes on.
#include <signal.h>

#include "gmock/gmock.h"

#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"

namespace atelier::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class CrashTest : public DaemonFixture {
 protected:
  // A job whose worker waits before its third step of five.
  int64_t SubmitPaused(Labels labels = {}) {
    labels.insert({{"steps", "5"}, {"pause", "3"}});
    int64_t id = Submit(labels);
    EXPECT_TRUE(AwaitFile(File("paused.1")));
    return id;
  }
  void LetGo() { WriteText(File("go"), ""); }
};

std::vector<int64_t> StepsIn(const std::vector<v1::Event>& events) {
  std::vector<int64_t> steps;
  for (const v1::Event& event : events)
    if (event.has_step_done()) steps.push_back(event.step());
  return steps;
}

void ExpectNoGap(const std::vector<v1::Event>& events, int64_t from = 1) {
  for (const v1::Event& event : events)
    EXPECT_EQ(event.sequence(), from++) << event.ShortDebugString();
}

TEST_F(CrashTest, WorkerOutlivesTheDaemonAndEveryStepIsToldOnce) {
  StartDaemon();
  int64_t id = SubmitPaused();
  std::vector<v1::Event> before =
      Watch(id, 0, [](const v1::Event& event) { return event.step() == 2; });
  pid_t worker = WorkerPid(id);
  KillDaemon();
  LetGo();
  ASSERT_TRUE(AwaitText(state_dir() + "/jobs/1/output/steps", "5"));
  StartDaemon();
  std::vector<v1::Event> after = Watch(id, before.back().sequence());
  before.insert(before.end(), after.begin(), after.end());
  ExpectNoGap(before);
  EXPECT_THAT(StepsIn(before), ElementsAre(1, 2, 3, 4, 5));
  v1::Job job = ReadJob(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.attempts(0).worker_pid(), worker);
}

TEST_F(CrashTest, ExitStatusIsExactWhenTheWorkerEndedWhileTheDaemonWasAway) {
  StartDaemon();
  int64_t id = SubmitPaused({{"leave", "1"}, {"exit", "64"}});
  pid_t shim = ShimPid(id);
  KillDaemon();
  LetGo();
  ASSERT_TRUE(AwaitProcessEnd(shim));
  StartDaemon();
  std::vector<v1::Event> events = Watch(id);
  ExpectNoGap(events);
  EXPECT_THAT(StepsIn(events), ElementsAre(1, 2, 3, 4, 5));
  v1::Job job = ReadJob(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.reason(), v1::JOB_REASON_INVALID_INPUT);
  EXPECT_EQ(job.attempts(0).exit_code(), 64);
}

TEST_F(CrashTest, SignalThatEndedTheWorkerIsKnownToALaterDaemon) {
  StartDaemon();
  int64_t id = SubmitPaused();
  pid_t shim = ShimPid(id);
  KillDaemon();
  kill(WorkerPid(id), SIGSEGV);
  ASSERT_TRUE(AwaitProcessEnd(shim));
  LetGo();
  StartDaemon();
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).exit_signal(), SIGSEGV);
  EXPECT_EQ(job.attempts(0).reason(), v1::JOB_REASON_SIGNAL);
}

TEST_F(CrashTest, DeadWorkerIsStartedAgainFromItsNewestState) {
  StartDaemon();
  int64_t id = Submit({{"steps", "5"}, {"crash", "4"}});
  std::vector<v1::Event> events = Watch(id);
  ExpectNoGap(events);
  EXPECT_THAT(StepsIn(events), ElementsAre(1, 2, 3, 4, 5));
  v1::Job job = ReadJob(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(job.attempts(0).exit_signal(), SIGKILL);
  EXPECT_EQ(job.attempts(1).outcome(), v1::ATTEMPT_OUTCOME_SUCCEEDED);
}

TEST_F(CrashTest, WorkerTrainsOnWithoutItsShimAndItsLastWordsDecide) {
  StartDaemon();
  int64_t id = SubmitPaused();
  pid_t worker = WorkerPid(id);
  pid_t shim = ShimPid(id);
  kill(shim, SIGKILL);
  ASSERT_TRUE(AwaitProcessEnd(shim));
  LetGo();
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.message();
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_FALSE(job.attempts(0).has_exit_code());
  EXPECT_TRUE(AwaitProcessEnd(worker));
}

TEST_F(CrashTest, ShimAndWorkerKilledAtOnceAreNoticedAndTheJobStartedAgain) {
  StartDaemon();
  int64_t id = SubmitPaused();
  kill(ShimPid(id), SIGKILL);
  kill(WorkerPid(id), SIGKILL);
  LetGo();
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.message();
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_LOST);
  EXPECT_EQ(job.attempts(0).reason(), v1::JOB_REASON_WORKER_LOST);
}

TEST_F(CrashTest, DaemonAndWorkerKilledAtOnce) {
  StartDaemon();
  int64_t id = SubmitPaused();
  pid_t worker = WorkerPid(id);
  KillDaemon();
  kill(worker, SIGKILL);
  LetGo();
  StartDaemon();
  std::vector<v1::Event> events = Watch(id);
  ExpectNoGap(events);
  EXPECT_THAT(StepsIn(events), ElementsAre(1, 2, 3, 4, 5));
  v1::Job job = ReadJob(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  ASSERT_THAT(job.attempts(), SizeIs(2));
  EXPECT_EQ(job.attempts(0).exit_signal(), SIGKILL);
}

TEST_F(CrashTest, DaemonAndShimKilledAtOnceLeaveAWorkerThatIsAdopted) {
  StartDaemon();
  int64_t id = SubmitPaused();
  pid_t shim = ShimPid(id);
  KillDaemon();
  kill(shim, SIGKILL);
  StartDaemon();
  LetGo();
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.message();
  EXPECT_THAT(job.attempts(), SizeIs(1));
}

TEST_F(CrashTest, EverythingKilledAtOnce) {
  StartDaemon();
  int64_t id = SubmitPaused();
  pid_t shim = ShimPid(id);
  pid_t worker = WorkerPid(id);
  KillDaemon();
  kill(shim, SIGKILL);
  kill(worker, SIGKILL);
  ASSERT_TRUE(AwaitProcessEnd(worker));
  LetGo();
  StartDaemon();
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.message();
  EXPECT_THAT(job.attempts(), SizeIs(2));
}

TEST_F(CrashTest, StoppedDaemonLeavesItsWorkersAndComesBackToThem) {
  StartDaemon();
  int64_t id = SubmitPaused();
  pid_t worker = WorkerPid(id);
  EXPECT_EQ(StopDaemon(), 0);
  EXPECT_EQ(kill(worker, 0), 0);
  StartDaemon();
  LetGo();
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_THAT(job.attempts(), SizeIs(1));
}

TEST_F(CrashTest, JobAcknowledgedBeforeAKillIsKept) {
  StartDaemon();
  int64_t id = Submit({});
  KillDaemon();
  StartDaemon();
  EXPECT_EQ(AwaitEnd(id).state(), v1::JOB_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace atelier::testing
