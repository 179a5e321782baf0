#include <atomic>
#include <thread>

#include "proto/cc/error_details.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class JobStoreTest : public testing::StateTest {};

NewJob Request(const std::string& id, const std::string& hash) {
  NewJob job = testing::MakeNewJob();
  job.request_id = id;
  job.body_hash = hash;
  return job;
}

TEST_F(JobStoreTest, SubmittedJobIsThereAfterReopening) {
  NewJob request = testing::MakeNewJob("cats");
  (*request.spec.mutable_labels())["team"] = "vision";
  const JobId id = Submit(request);
  Reopen();
  const auto job = jobs().ReadJob(id);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(job->spec.SerializeAsString(), request.spec.SerializeAsString());
  EXPECT_EQ(job->state, v1::JOB_STATE_PENDING);
  EXPECT_EQ(job->owner, "ana");
  EXPECT_EQ(job->uid.size(), 36u);
  EXPECT_EQ(job->output_dir,
            folder_.File("jobs/" + std::to_string(id) + "/output"));
  ASSERT_THAT(Events(id), SizeIs(1));
  EXPECT_EQ(Events(id)[0].state().state(), v1::JOB_STATE_PENDING);
}

TEST_F(JobStoreTest, SameRequestGivesTheSameJob) {
  const auto first = jobs().SubmitJob(Request("r1", "h"));
  const auto again = jobs().SubmitJob(Request("r1", "h"));
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(first->is_new);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(again->job.id, first->job.id);
  Reopen();
  EXPECT_EQ(jobs().SubmitJob(Request("r1", "h"))->job.id, first->job.id);
}

TEST_F(JobStoreTest, SameRequestWithAnotherBodyIsRefused) {
  ASSERT_TRUE(jobs().SubmitJob(Request("r1", "h")).ok());
  const auto other = jobs().SubmitJob(Request("r1", "other"));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrorReason(other.status()), "REQUEST_ID_REUSED");
}

TEST_F(JobStoreTest, RequestIdsOfTwoOwnersDoNotMeet) {
  NewJob other = Request("r1", "h");
  other.owner = "bo";
  EXPECT_NE(jobs().SubmitJob(Request("r1", "h"))->job.id,
            jobs().SubmitJob(other)->job.id);
}

TEST_F(JobStoreTest, ConcurrentSubmissionsGetDifferentIds) {
  std::vector<std::thread> threads;
  std::vector<JobId> ids(40);
  for (size_t i = 0; i < ids.size(); ++i) {
    threads.emplace_back([&, i] { ids[i] = Submit(); });
  }
  for (std::thread& thread : threads) thread.join();
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids.front(), 1);
  EXPECT_EQ(ids.back(), 40);
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
}

TEST_F(JobStoreTest, UnknownJobIsNotFound) {
  const auto job = jobs().ReadJob(7);
  EXPECT_EQ(job.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorReason(job.status()), "JOB_NOT_FOUND");
}

TEST_F(JobStoreTest, AttemptGoesThroughItsStates) {
  const AttemptId attempt = SubmitAndRun();
  EXPECT_EQ(attempt.number, 1);
  const auto ended = Finish(attempt, v1::JOB_STATE_SUCCEEDED);
  ASSERT_TRUE(ended.ok()) << ended.status();
  std::vector<v1::JobState> states;
  for (const auto& event : Events(attempt.job)) {
    states.push_back(event.state().state());
  }
  EXPECT_THAT(states,
              ElementsAre(v1::JOB_STATE_PENDING, v1::JOB_STATE_STARTING,
                          v1::JOB_STATE_RUNNING, v1::JOB_STATE_SUCCEEDED));
  EXPECT_EQ(ended->end_time, clock_.Now());
}

TEST_F(JobStoreTest, EndedJobNeverChanges) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_FAILED).ok());
  StateChange change{attempt.job, v1::JOB_STATE_PENDING, {}, ""};
  const auto changed = jobs().ChangeState(change);
  EXPECT_EQ(ErrorReason(changed.status()), "JOB_ENDED");
  EXPECT_EQ(ErrorReason(jobs().RequestCancel(attempt.job, "").status()),
            "JOB_ENDED");
  EXPECT_FALSE(Finish(attempt, v1::JOB_STATE_SUCCEEDED).ok());
}

TEST_F(JobStoreTest, IllegalChangeIsRefused) {
  StateChange change{Submit(), v1::JOB_STATE_SUCCEEDED, {}, ""};
  EXPECT_EQ(jobs().ChangeState(change).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(JobStoreTest, DeviceIsHeldByOneAttempt) {
  Start(Submit(), "cpu:0");
  const auto second = jobs().StartAttempt({Submit(), {"cpu:0"}, "hash"});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(jobs().ReadJob(2)->state, v1::JOB_STATE_PENDING);
}

TEST_F(JobStoreTest, OfManyWhoRaceForADeviceOneGetsIt) {
  std::vector<JobId> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(Submit());
  std::atomic<int> won = 0;
  std::vector<std::thread> threads;
  for (JobId id : ids) {
    threads.emplace_back([&, id] {
      if (jobs().StartAttempt({id, {"cpu:0"}, "hash"}).ok()) ++won;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 1);
  EXPECT_THAT(jobs().ReadHeldDevices()->leases, SizeIs(1));
}

TEST_F(JobStoreTest, EndOfAnAttemptFreesItsDevices) {
  const AttemptId attempt = SubmitAndRun();
  AttemptEnd end;
  end.result.id = attempt;
  end.result.outcome = v1::ATTEMPT_OUTCOME_LOST;
  end.result.reason = v1::JOB_REASON_SIGNAL;
  end.result.exit.signal = 9;
  end.result.last_log = "last words";
  end.next_state = v1::JOB_STATE_PENDING;
  end.not_before = clock_.Now() + absl::Seconds(5);
  ASSERT_TRUE(jobs().FinishAttempt(end).ok());
  EXPECT_THAT(jobs().ReadHeldDevices()->leases, SizeIs(0));
  const auto job = jobs().ReadJob(attempt.job);
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->state, v1::JOB_STATE_PENDING);
  EXPECT_EQ(job->not_before, end.not_before);
  const Attempt& first = job->attempts[0];
  EXPECT_EQ(first.exit.signal, 9);
  EXPECT_EQ(first.last_log, "last words");
  EXPECT_THAT(first.devices, ElementsAre("cpu:0"));
  EXPECT_EQ(Start(attempt.job).number, 2);
}

TEST_F(JobStoreTest, CancelOfAWaitingJobEndsIt) {
  const auto job = jobs().RequestCancel(Submit(), "no longer needed");
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->state, v1::JOB_STATE_CANCELLED);
  EXPECT_EQ(job->message, "no longer needed");
}

TEST_F(JobStoreTest, CancelOfARunningJobAsksItToStop) {
  const AttemptId attempt = SubmitAndRun();
  const auto job = jobs().RequestCancel(attempt.job, "");
  ASSERT_TRUE(job.ok());
  EXPECT_EQ(job->state, v1::JOB_STATE_STOPPING);
  const int64_t sequence = job->last_sequence;
  EXPECT_EQ(jobs().RequestCancel(attempt.job, "")->last_sequence, sequence);
}

TEST_F(JobStoreTest, CancelThatWasNotSeenHoldsTheEndUp) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(jobs().RequestCancel(attempt.job, "").ok());
  EXPECT_EQ(Finish(attempt, v1::JOB_STATE_PENDING).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(JobStoreTest, WaitIsExplainedOnce) {
  const JobId id = Submit();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(jobs().ExplainWait(id, v1::JOB_REASON_RESOURCES, "busy").ok());
  }
  EXPECT_THAT(Events(id), SizeIs(2));
  Start(id);
  EXPECT_TRUE(absl::IsAborted(
      jobs().ExplainWait(id, v1::JOB_REASON_RESOURCES, "busy")));
}

TEST_F(JobStoreTest, ProcessesAreKeptForAdoption) {
  const AttemptId attempt = Start(Submit());
  SpawnRecord record{attempt, {100, 5, "boot"}, {}};
  ASSERT_TRUE(jobs().RecordSpawn(record).ok());
  record = {attempt, {}, {101, 6, "boot"}};
  ASSERT_TRUE(jobs().RecordSpawn(record).ok());
  Reopen();
  const auto running = jobs().RunningJobs();
  ASSERT_TRUE(running.ok());
  ASSERT_THAT(*running, SizeIs(1));
  const Attempt& found = running->front().attempts.back();
  EXPECT_EQ(found.shim, (ProcessId{100, 5, "boot"}));
  EXPECT_EQ(found.worker, (ProcessId{101, 6, "boot"}));
  EXPECT_EQ(found.token_hash, "hash");
  EXPECT_THAT(found.run_dir, HasSubstr("attempt-1"));
}

TEST_F(JobStoreTest, CountsFollowTheJobs) {
  Submit();
  Submit();
  SubmitAndRun();
  int64_t pending = 0;
  const std::vector<JobCount> counts = *jobs().CountJobs();
  for (const JobCount& count : counts) {
    if (count.state == v1::JOB_STATE_PENDING) pending += count.count;
  }
  EXPECT_EQ(pending, 2);
}

}  // namespace
}  // namespace atelier::server
