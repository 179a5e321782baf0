// Which job starts next, and why the others wait; what becomes of a job when
// its attempt ends. Pure functions: everything they need is in their
// arguments.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/jobs/job.h"
#include "server/schedule/device_state.h"

namespace atelier::server {

// What there is to decide on, at one moment.
struct QueueView {
  // PENDING jobs in order of submission.
  std::vector<WaitingJob> waiting;
  // Every device of the daemon; those that jobs hold are LEASED.
  std::vector<DeviceState> devices;
  HostMemory host;
  absl::Time now;
  // The daemon takes no new starts.
  bool draining = false;
  // The state folder has less free space than configured.
  bool disk_low = false;
};

struct JobStart {
  JobId job = 0;
  std::vector<std::string> devices;

  bool operator==(const JobStart&) const = default;
};

// Why a job waits, for its state and for people.
struct JobWait {
  JobId job = 0;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;

  bool operator==(const JobWait&) const = default;
};

struct Decision {
  // In order.
  std::vector<JobStart> starts;
  // All others.
  std::vector<JobWait> waits;
  // When to look again even if nothing happens; infinite future: not at all.
  absl::Time look_again = absl::InfiniteFuture();
};

// First in, first out among the jobs of each device type: a job that does not
// fit holds back later ones that want the same type. Jobs in back-off hold
// nobody back.
Decision Choose(const QueueView& view);

struct RetryRules {
  // For jobs that name none.
  int max_attempts = 3;
  // The n-th retry waits about initial * factor^(n-1), at most `limit`.
  absl::Duration backoff_initial = absl::Seconds(5);
  double backoff_factor = 2;
  absl::Duration backoff_limit = absl::Minutes(10);
  // The wait is stretched by a random share of it up to this one.
  double backoff_jitter = 0.2;
};

// What becomes of the job.
struct NextStep {
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;
  absl::Time not_before = absl::InfinitePast();
};

// `job` is as it was while the attempt ran (STOPPING after a cancel);
// `jitter` in [0, 1).
NextStep AfterAttempt(const Job& job, const AttemptResult& result,
                      const RetryRules& rules, absl::Time now, double jitter);

// Whether starting again can help after such an end.
bool IsRetryable(v1::JobReason reason);

}  // namespace atelier::server
