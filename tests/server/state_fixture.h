// A store in a folder of its own, and the smallest jobs and events that go into
// one.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "server/jobs/clock.h"
#include "server/jobs/job_store.h"
#include "server/store/state_store.h"
#include "tests/support/temp_dir.h"

namespace atelier::server::testing {

inline NewJob MakeNewJob(const std::string& name = "job") {
  NewJob job;
  job.owner = "ana";
  job.spec.set_name(name);
  job.spec.set_architecture(v1::ARCHITECTURE_SD1);
  job.spec.mutable_devices()->set_type(v1::DEVICE_TYPE_CPU);
  job.spec.mutable_devices()->set_count(1);
  return job;
}

inline v1::Event MakeStep(int64_t worker_sequence, int64_t step) {
  v1::Event event;
  event.set_worker_sequence(worker_sequence);
  event.set_step(step);
  event.mutable_step_done()->set_total_steps(100);
  event.mutable_step_done()->set_loss(1.0 / static_cast<double>(step + 1));
  event.mutable_step_done()->set_smoothed_loss(0.5);
  event.mutable_step_done()->set_step_seconds(0.25);
  (*event.mutable_step_done()->mutable_phase_seconds())["forward"] = 0.1;
  (*event.mutable_step_done()->mutable_device_part_bytes())["weights"] = 4096;
  event.mutable_step_done()->set_swap_wait_seconds(0.125);
  return event;
}

// Steps with worker_sequence and step from `first` to `last`.
inline std::vector<v1::Event> MakeSteps(int64_t first, int64_t last) {
  std::vector<v1::Event> events;
  for (int64_t i = first; i <= last; ++i) events.push_back(MakeStep(i, i));
  return events;
}

class StateTest : public ::testing::Test {
 protected:
  StateTest() { Open(); }

  void Open() {
    StateStoreOptions options;
    options.state_dir = folder_.path();
    options.group_commit = absl::ZeroDuration();
    auto opened = OpenStateStore(options, clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    state_ = *std::move(opened);
  }
  void Reopen() {
    state_.reset();
    Open();
  }

  JobStore& jobs() { return state_->jobs(); }

  JobId Submit(const NewJob& job = MakeNewJob()) {
    auto submission = jobs().SubmitJob(job);
    EXPECT_TRUE(submission.ok()) << submission.status();
    return submission.ok() ? submission->job.id : 0;
  }

  AttemptId Start(JobId job, const std::string& device = "cpu:0") {
    auto started = jobs().StartAttempt({job, {device}, "hash"});
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? started->attempts.back().id : AttemptId{};
  }

  AttemptId SubmitAndRun() {
    const AttemptId attempt = Start(Submit());
    EXPECT_TRUE(jobs().MarkRunning(attempt).ok());
    return attempt;
  }

  absl::StatusOr<Job> Finish(const AttemptId& attempt, v1::JobState next) {
    AttemptEnd end;
    end.result.id = attempt;
    end.result.outcome = next == v1::JOB_STATE_SUCCEEDED
                             ? v1::ATTEMPT_OUTCOME_SUCCEEDED
                             : v1::ATTEMPT_OUTCOME_FAILED;
    end.next_state = next;
    return jobs().FinishAttempt(end);
  }

  std::vector<v1::Event> Events(JobId job, int64_t after = 0) {
    auto events = state_->events().ReadEvents(job, after, 100000);
    EXPECT_TRUE(events.ok()) << events.status();
    return events.ok() ? *events : std::vector<v1::Event>();
  }

  atelier::testing::TempDir folder_;
  FakeClock clock_;
  std::unique_ptr<StateStore> state_;
};

}  // namespace atelier::server::testing
