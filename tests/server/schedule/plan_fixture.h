// A queue, devices and rules to make plans for.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "server/schedule/explain.h"
#include "server/schedule/plan.h"

namespace atelier::server::testing {

inline const absl::Time kNow = absl::FromUnixSeconds(1700000000);

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() { rules_.stop_margin = absl::ZeroDuration(); }

  void AddSlots(int count) {
    for (int i = 0; i < count; ++i)
      devices_.push_back(CpuSlot(static_cast<int>(devices_.size())));
  }

  // A job that waits; `change` makes it special.
  JobId Add(const std::string& user,
            const std::function<void(QueuedJob&)>& change = nullptr) {
    QueuedJob job;
    job.id = ++last_id_;
    job.account.user = user;
    job.create_time = kNow - absl::Hours(1) + absl::Seconds(job.id);
    if (change) change(job);
    queue_.Put(job);
    return job.id;
  }

  JobId AddRunning(const std::string& user, std::vector<std::string> devices,
                   absl::Duration limit = absl::InfiniteDuration(),
                   int priority = 0) {
    return Add(user, [&](QueuedJob& job) {
      job.state = v1::JOB_STATE_RUNNING;
      job.attempt = 1;
      job.attempt_start = kNow - absl::Minutes(30);
      job.request.count = static_cast<int>(devices.size());
      job.request.time_limit = limit;
      job.devices = std::move(devices);
      job.priority = priority;
    });
  }

  PlanInput Input() const {
    PlanInput input = {queue_, ledger_, rules_, devices_};
    input.now = kNow;
    return input;
  }
  Plan Look() const { return MakePlan(Input()); }

  std::vector<JobId> Started() const {
    std::vector<JobId> jobs;
    for (const JobStart& start : Look().starts) jobs.push_back(start.job);
    return jobs;
  }
  Explanation Why(JobId job) const {
    return ExplainWait(Input(), *queue_.Find(job), {});
  }

  static std::function<void(QueuedJob&)> Wants(int count,
                                               absl::Duration limit) {
    return [=](QueuedJob& job) {
      job.request.count = count;
      job.request.time_limit = limit;
    };
  }

  ScheduleRules rules_;
  JobQueue queue_;
  ShareLedger ledger_{ShareRules()};
  std::vector<DeviceState> devices_;
  JobId last_id_ = 0;
};

}  // namespace atelier::server::testing
