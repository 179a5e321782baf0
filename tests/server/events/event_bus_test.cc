#include "server/events/event_bus.h"

#include <atomic>
#include <thread>

#include "proto/cc/error_details.h"
#include "tests/server/state_fixture.h"

namespace atelier::server {
namespace {

using testing::MakeStep;
using testing::MakeSteps;

constexpr absl::Duration kPatience = absl::Seconds(30);

class EventBusTest : public testing::StateTest {
 protected:
  EventBusTest() : bus_(state_->events(), 16) { state_->AddListener(&bus_); }
  ~EventBusTest() override { state_->RemoveListener(&bus_); }

  // Reads until the end of the job; the sequences as they came.
  static std::vector<int64_t> ReadAll(EventWatcher& watcher, size_t limit) {
    std::vector<int64_t> sequences;
    while (!watcher.is_finished()) {
      const auto events = watcher.Next(limit);
      EXPECT_TRUE(events.ok()) << events.status();
      if (!events.ok()) break;
      for (const auto& event : *events) sequences.push_back(event.sequence());
      if (events->empty() && !watcher.WaitReady(kPatience)) break;
    }
    return sequences;
  }

  EventBus bus_;
};

std::vector<int64_t> Range(int64_t first, int64_t last) {
  std::vector<int64_t> numbers;
  for (int64_t i = first; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

TEST_F(EventBusTest, PastComesFromTheLog) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, MakeSteps(1, 100)).ok());
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_SUCCEEDED).ok());
  auto watcher = bus_.Watch(attempt.job, 0, nullptr);
  ASSERT_TRUE(watcher.ok()) << watcher.status();
  EXPECT_EQ(ReadAll(**watcher, 7), Range(1, 104));
}

TEST_F(EventBusTest, WatchGoesOnAfterASequence) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, MakeSteps(1, 10)).ok());
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_FAILED).ok());
  auto watcher = bus_.Watch(attempt.job, 9, nullptr);
  EXPECT_EQ(ReadAll(**watcher, 100), Range(10, 14));
}

TEST_F(EventBusTest, WatchOfAnEndedJobThatWasSeenIsFinished) {
  const AttemptId attempt = SubmitAndRun();
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_FAILED).ok());
  EXPECT_TRUE((*bus_.Watch(attempt.job, 4, nullptr))->is_finished());
}

TEST_F(EventBusTest, UnknownJobsAndSequencesAreErrors) {
  EXPECT_EQ(ErrorReason(bus_.Watch(5, 0, nullptr).status()), "JOB_NOT_FOUND");
  const JobId id = Submit();
  EXPECT_EQ(ErrorReason(bus_.Watch(id, 2, nullptr).status()),
            "SEQUENCE_PAST_END");
  EXPECT_EQ(bus_.watcher_count(), 0u);
}

TEST_F(EventBusTest, ReaderIsCalledOnceWhenThereIsMore) {
  const AttemptId attempt = SubmitAndRun();
  std::atomic<int> calls = 0;
  auto watcher = bus_.Watch(attempt.job, 3, [&] { ++calls; });
  EXPECT_TRUE((*watcher)->Next(10)->empty());
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, {MakeStep(1, 1)}).ok());
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, {MakeStep(2, 2)}).ok());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ((*watcher)->Next(10)->size(), 2u);
  EXPECT_TRUE((*watcher)->Next(10)->empty());
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, {MakeStep(3, 3)}).ok());
  EXPECT_EQ(calls, 2);
}

// The slow one reads a single event now and then; many more are written than
// the window holds.
TEST_F(EventBusTest, SlowWatcherMissesNothingAndHoldsNobodyUp) {
  const AttemptId attempt = SubmitAndRun();
  auto slow = *bus_.Watch(attempt.job, 0, nullptr);
  EXPECT_EQ(slow->Next(1)->size(), 1u);
  for (int64_t i = 1; i <= 200; ++i) {
    ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, {MakeStep(i, i)}).ok());
  }
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_SUCCEEDED).ok());
  EXPECT_EQ(ReadAll(*slow, 3), Range(2, 204));
}

TEST_F(EventBusTest, ManyWatchersOfALiveJobSeeTheSame) {
  const AttemptId attempt = SubmitAndRun();
  std::vector<std::vector<int64_t>> seen(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < seen.size(); ++i) {
    threads.emplace_back([&, i] {
      auto watcher = *bus_.Watch(attempt.job, 0, nullptr);
      seen[i] = ReadAll(*watcher, 1 + i);
    });
  }
  for (int64_t i = 1; i <= 300; ++i) {
    jobs().AppendWorkerEvents(attempt, {MakeStep(i, i)},
                              [](absl::StatusOr<int64_t>) {});
  }
  ASSERT_TRUE(jobs().AppendWorkerEvents(attempt, {MakeStep(301, 301)}).ok());
  ASSERT_TRUE(Finish(attempt, v1::JOB_STATE_SUCCEEDED).ok());
  for (std::thread& thread : threads) thread.join();
  for (const auto& sequences : seen) EXPECT_EQ(sequences, Range(1, 305));
}

}  // namespace
}  // namespace atelier::server
