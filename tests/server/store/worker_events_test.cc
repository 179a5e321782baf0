#include <filesystem>

#include "proto/cc/error_details.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

using testing::MakeStep;
using testing::MakeSteps;
using ::testing::SizeIs;

class WorkerEventsTest : public testing::StateTest {
 protected:
  // Worker sequences of the job's events, in the order of the log.
  std::vector<int64_t> WorkerSequences(JobId job) {
    std::vector<int64_t> sequences;
    for (const auto& event : Events(job)) {
      if (event.worker_sequence() > 0) {
        sequences.push_back(event.worker_sequence());
      }
    }
    return sequences;
  }
};

std::vector<int64_t> UpTo(int64_t last) {
  std::vector<int64_t> numbers;
  for (int64_t i = 1; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

TEST_F(WorkerEventsTest, EventsAreNumberedWithoutGaps) {
  const AttemptId attempt = SubmitAndRun();
  EXPECT_EQ(*jobs().AppendWorkerEvents(attempt, MakeSteps(1, 5)), 5);
  int64_t expected = 0;
  for (const auto& event : Events(attempt.job)) {
    EXPECT_EQ(event.sequence(), ++expected);
  }
  EXPECT_EQ(expected, 3 + 5);
  EXPECT_EQ(jobs().ReadJob(attempt.job)->last_sequence, expected);
}

TEST_F(WorkerEventsTest, RepeatedEventsAreKeptOnce) {
  const AttemptId attempt = SubmitAndRun();
  EXPECT_EQ(*jobs().AppendWorkerEvents(attempt, MakeSteps(1, 4)), 4);
  EXPECT_EQ(*jobs().AppendWorkerEvents(attempt, MakeSteps(1, 4)), 4);
  EXPECT_EQ(*jobs().AppendWorkerEvents(attempt, MakeSteps(3, 6)), 6);
  EXPECT_EQ(WorkerSequences(attempt.job), UpTo(6));
}

TEST_F(WorkerEventsTest, MissingEventsAreAskedFor) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, MakeSteps(1, 2)).ok());
  EXPECT_EQ(jobs().AppendWorkerEvents(attempt, MakeSteps(4, 5)).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(WorkerSequences(attempt.job), UpTo(2));
}

TEST_F(WorkerEventsTest, FailedBatchLeavesNothing) {
  const AttemptId attempt = SubmitAndRun();
  std::vector<v1::Event> events = MakeSteps(1, 3);
  events.back().mutable_state()->set_state(v1::JOB_STATE_SUCCEEDED);
  EXPECT_EQ(jobs().AppendWorkerEvents(attempt, events).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(WorkerSequences(attempt.job), SizeIs(0));
  EXPECT_EQ(jobs().ReadJob(attempt.job)->progress.step(), 0);
}

TEST_F(WorkerEventsTest, OlderAttemptIsFenced) {
  const AttemptId first = SubmitAndRun();
  ASSERT_TRUE(Finish(first, v1::JOB_STATE_PENDING).ok());
  const auto ended = jobs().AppendWorkerEvents(first, MakeSteps(1, 1));
  EXPECT_EQ(ErrorReason(ended.status()), "WORKER_FENCED");
  const AttemptId second = Start(first.job);
  EXPECT_EQ(
      ErrorReason(jobs().AppendWorkerEvents(first, MakeSteps(1, 1)).status()),
      "WORKER_FENCED");
  EXPECT_EQ(*jobs().AppendWorkerEvents(second, MakeSteps(1, 1)), 1);
}

TEST_F(WorkerEventsTest, ProgressFollowsTheNewestStep) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, MakeSteps(1, 7)).ok());
  const v1::Progress progress = jobs().ReadJob(attempt.job)->progress;
  EXPECT_EQ(progress.step(), 7);
  EXPECT_EQ(progress.total_steps(), 100);
  EXPECT_EQ(progress.smoothed_loss(), 0.5);
}

v1::Event Checkpoint(int64_t sequence, const std::string& path) {
  v1::Event event;
  event.set_worker_sequence(sequence);
  event.set_step(10 * sequence);
  event.mutable_checkpoint()->set_path(path);
  event.mutable_checkpoint()->set_size_bytes(42);
  event.mutable_checkpoint()->set_sha256("aa");
  return event;
}

TEST_F(WorkerEventsTest, ArtifactsFollowTheEvents) {
  const AttemptId attempt = SubmitAndRun();
  v1::Event second = Checkpoint(2, "b.safetensors");
  second.mutable_checkpoint()->add_removed("a.safetensors");
  v1::Event sample = MakeStep(3, 20);
  sample.mutable_sample()->set_path("sample/1.png");
  ASSERT_TRUE(jobs()
                  .AppendWorkerEvents(
                      attempt, {Checkpoint(1, "a.safetensors"), second, sample})
                  .ok());
  const auto all = jobs().ListArtifacts({attempt.job, {}, 0, ""});
  ASSERT_TRUE(all.ok()) << all.status();
  ASSERT_THAT(all->artifacts, SizeIs(3));
  EXPECT_TRUE(all->artifacts[0].removed());
  EXPECT_EQ(all->artifacts[1].step(), 20);
  EXPECT_EQ(all->artifacts[1].attempt(), 1);
  const auto found = jobs().ReadArtifact(attempt.job, "b.safetensors");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->size_bytes(), 42);
  EXPECT_EQ(ErrorReason(jobs().ReadArtifact(attempt.job, "c").status()),
            "ARTIFACT_NOT_FOUND");
}

TEST_F(WorkerEventsTest, ArtifactsComeInPages) {
  const AttemptId attempt = SubmitAndRun();
  for (int i = 1; i <= 5; ++i) {
    const std::string path = std::to_string(i);
    ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, {Checkpoint(i, path)}).ok());
  }
  ArtifactQuery query{attempt.job, v1::ARTIFACT_KIND_CHECKPOINT, 2, ""};
  std::string paths;
  do {
    const auto page = jobs().ListArtifacts(query);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const auto& artifact : page->artifacts) paths += artifact.path();
    query.page_token = page->next_page_token;
  } while (!query.page_token.empty());
  EXPECT_EQ(paths, "12345");
}

// A crash is a copy of database and log as they lie on the disk, while the
// daemon is still writing.
TEST_F(WorkerEventsTest, WhatWasAcknowledgedSurvivesACrash) {
  const AttemptId attempt = SubmitAndRun();
  atelier::testing::TempDir crashed;
  int64_t acknowledged = 0;
  for (int64_t i = 1; i <= 20; ++i) {
    acknowledged = *jobs().AppendWorkerEvents(attempt, {MakeStep(i, i)});
    if (i == 13) {
      for (const char* name : {"atelier.db", "atelier.db-wal"}) {
        std::filesystem::copy_file(folder_.File(name), crashed.File(name));
      }
    }
  }
  EXPECT_EQ(acknowledged, 20);
  auto reopened = OpenStateStore({crashed.path()}, clock_);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  const Job job = *(*reopened)->jobs().ReadJob(attempt.job);
  EXPECT_EQ(job.attempts.back().durable_sequence, 13);
  EXPECT_EQ(*(*reopened)->jobs().AppendWorkerEvents(attempt, MakeSteps(9, 20)),
            20);
  EXPECT_THAT(*(*reopened)->events().ReadEvents(attempt.job, 0, 100),
              SizeIs(3 + 20));
}

// The newest pages of the log may be torn by a power cut.
TEST_F(WorkerEventsTest, TornLogLosesNothingThatCameBefore) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, MakeSteps(1, 10)).ok());
  const auto whole = std::filesystem::file_size(folder_.File("atelier.db-wal"));
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, MakeSteps(11, 40)).ok());
  const auto longer =
      std::filesystem::file_size(folder_.File("atelier.db-wal"));
  for (auto size = whole; size < longer; size += 1777) {
    atelier::testing::TempDir crashed;
    for (const char* name : {"atelier.db", "atelier.db-wal"}) {
      std::filesystem::copy_file(folder_.File(name), crashed.File(name));
    }
    std::filesystem::resize_file(crashed.File("atelier.db-wal"), size);
    auto reopened = OpenStateStore({crashed.path()}, clock_);
    ASSERT_TRUE(reopened.ok()) << reopened.status();
    const Job job = *(*reopened)->jobs().ReadJob(attempt.job);
    const auto events = *(*reopened)->events().ReadEvents(job.id, 0, 100);
    EXPECT_EQ(static_cast<int64_t>(events.size()), job.last_sequence);
    EXPECT_GE(job.attempts.back().durable_sequence, 10);
  }
}

}  // namespace
}  // namespace atelier::server
