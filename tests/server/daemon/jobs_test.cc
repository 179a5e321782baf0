// Jobs from submission to their end, with nothing going wrong.
#include <algorithm>

#include "gmock/gmock.h"

#include "tests/support/await.h"
#include "tests/support/daemon_fixture.h"

namespace atelier::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class JobsTest : public DaemonFixture {};

// The steps that a job's history tells of, in order.
std::vector<int64_t> StepsOf(const std::vector<v1::Event>& events) {
  std::vector<int64_t> steps;
  for (const v1::Event& event : events)
    if (event.has_step_done()) steps.push_back(event.step());
  return steps;
}

TEST_F(JobsTest, SubmittedJobIsTrainedAndLeavesItsCheckpoint) {
  StartDaemon();
  int64_t id = Submit({{"steps", "5"}});
  v1::Job job = AwaitEnd(id);
  EXPECT_EQ(job.state(), v1::JOB_STATE_SUCCEEDED) << job.message();
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_SUCCEEDED);
  EXPECT_EQ(job.attempts(0).exit_code(), 0);
  EXPECT_EQ(job.attempts(0).worker_pid(), WorkerPid(id));
  EXPECT_EQ(job.progress().step(), 5);
  EXPECT_TRUE(AwaitFile(job.output_dir() + "/last.bin"));
}

TEST_F(JobsTest, HistoryHasEveryStateAndEveryStepInOrder) {
  StartDaemon();
  std::vector<v1::Event> events = Watch(Submit({{"steps", "4"}}));
  std::vector<v1::JobState> states;
  int64_t sequence = 0;
  for (const v1::Event& event : events) {
    EXPECT_EQ(event.sequence(), ++sequence);
    if (event.has_state() &&
        (states.empty() || states.back() != event.state().state()))
      states.push_back(event.state().state());
  }
  EXPECT_THAT(states,
              ElementsAre(v1::JOB_STATE_PENDING, v1::JOB_STATE_STARTING,
                          v1::JOB_STATE_RUNNING, v1::JOB_STATE_SUCCEEDED));
  EXPECT_THAT(StepsOf(events), ElementsAre(1, 2, 3, 4));
}

TEST_F(JobsTest, JobsOfOneSlotRunOneAfterTheOther) {
  StartDaemon();
  int64_t first = Submit({{"pause", "2"}});
  ASSERT_TRUE(AwaitFile(File("paused.1")));
  int64_t second = Submit({});
  EXPECT_EQ(ReadJob(second).state(), v1::JOB_STATE_PENDING);
  WriteText(File("go"), "");
  v1::Job later = AwaitEnd(second);
  v1::Job earlier = ReadJob(first);
  EXPECT_EQ(earlier.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(later.state(), v1::JOB_STATE_SUCCEEDED);
  EXPECT_GE(later.start_time().seconds(), earlier.end_time().seconds());
}

TEST_F(JobsTest, WorkerRefusingItsInputFailsTheJobWithoutARetry) {
  StartDaemon();
  v1::Job job = AwaitEnd(Submit({{"exit", "64"}, {"print", "last words"}}));
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.reason(), v1::JOB_REASON_INVALID_INPUT);
  EXPECT_EQ(job.message(), "told to fail");
  ASSERT_THAT(job.attempts(), SizeIs(1));
  EXPECT_EQ(job.attempts(0).exit_code(), 64);
  EXPECT_THAT(job.attempts(0).last_log(), HasSubstr("last words"));
}

TEST_F(JobsTest, WorkerFailingAlwaysIsStartedAsOftenAsAllowed) {
  StartDaemon();
  v1::Job job = AwaitEnd(Submit({{"exit", "70"}}, /*max_attempts=*/2));
  EXPECT_EQ(job.state(), v1::JOB_STATE_FAILED);
  EXPECT_EQ(job.reason(), v1::JOB_REASON_RETRIES_EXHAUSTED);
  EXPECT_THAT(job.attempts(), SizeIs(2));
}

TEST_F(JobsTest, WorkerGetsOnlyStandardInputAndOutput) {
  StartDaemon();
  AwaitEnd(Submit({{"files", "1"}}));
  std::string files = ReadText(File("files"));
  EXPECT_THAT(files, HasSubstr("0 /dev/null"));
  EXPECT_THAT(files, HasSubstr("1 " + RunDir(1) + "/worker.log"));
  EXPECT_THAT(files, HasSubstr("2 " + RunDir(1) + "/worker.log"));
  // The fourth is the listing's own.
  EXPECT_EQ(std::count(files.begin(), files.end(), '\n'), 4) << files;
}

}  // namespace
}  // namespace atelier::testing
