// A job as far as its turn in the queue matters, and what else survives a
// restart for the scheduler: use of devices by the hour, and whether the daemon
// drains.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/jobs/job.h"
#include "server/jobs/job_request.h"

namespace atelier::server {

// Whose turn it is: users share within their group, groups with each other.
struct Account {
  std::string group;
  std::string user;

  bool operator==(const Account&) const = default;
  auto operator<=>(const Account&) const = default;
};

struct AwaitedJob {
  JobId job = 0;
  v1::Dependency::Condition condition = v1::Dependency::CONDITION_OK;
  // Of that job, when this was read.
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
};

struct QueuedJob {
  JobId id = 0;
  Account account;
  v1::JobState state = v1::JOB_STATE_PENDING;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  JobRequest request;
  int priority = 0;
  absl::Time create_time = absl::InfinitePast();
  // Not started before (back-off).
  absl::Time not_before = absl::InfinitePast();
  std::string sweep;
  // Of its sweep, at a time; 0: any number.
  int sweep_running = 0;
  std::vector<AwaitedJob> after;
  // The newest attempt; 0: there was none. Times as in Attempt.
  int attempt = 0;
  absl::Time attempt_start = absl::InfinitePast();
  absl::Time attempt_end = absl::InfinitePast();
  std::vector<std::string> devices;

  // An attempt of it holds devices.
  bool runs() const {
    return state == v1::JOB_STATE_STARTING || state == v1::JOB_STATE_RUNNING ||
           state == v1::JOB_STATE_STOPPING;
  }
};

// Device-seconds within one hour since 1970.
struct UsageHour {
  Account account;
  int64_t hour = 0;
  double device_seconds = 0;
};

// Cuts the time from `start` to `end` on `devices` devices into hours.
std::vector<UsageHour> UsageOf(const Account& account, absl::Time start,
                               absl::Time end, int devices);

struct ServerDrain {
  std::string message;
  absl::Time time = absl::InfinitePast();
};

// All of one moment.
struct ScheduleSnapshot {
  // Every job that has not ended.
  std::vector<QueuedJob> jobs;
  std::vector<UsageHour> usage;
  std::optional<ServerDrain> drain;
};

// Changes of a job that waits; what is unset stays.
struct JobUpdate {
  JobId job = 0;
  std::optional<int> priority;
  // Infinite: without end.
  std::optional<absl::Duration> time_limit;
  // For every job of its sweep that has not ended.
  std::optional<int> sweep_running;
  // Forgets a back-off.
  bool start_now = false;
  // 0: whatever version the job has.
  int64_t version = 0;
};

// The first sentence that a new job's `message` has.
v1::JobReason FirstReason(const v1::JobSpec& spec);
std::string FirstMessage(const v1::JobSpec& spec);

}  // namespace atelier::server
