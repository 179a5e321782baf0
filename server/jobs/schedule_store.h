// What the scheduler keeps and reads beside jobs and attempts (JobStore): the
// queue as rows, use of devices, whether the daemon drains.
//
// Threads, blocking and errors: as JobStore.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/jobs/job.h"
#include "server/jobs/queued_job.h"

namespace atelier::server {

// Why a PENDING job waits.
struct WaitNote {
  JobId job = 0;
  v1::JobReason reason = v1::JOB_REASON_UNSPECIFIED;
  std::string message;
};

class ScheduleStore {
 public:
  virtual ~ScheduleStore() = default;

  // Every job that has not ended; use of devices since the hour `usage_from`.
  virtual absl::StatusOr<ScheduleSnapshot> ReadSchedule(
      int64_t usage_from) const = 0;

  // These jobs as they are now, those that have ended too.
  virtual absl::StatusOr<std::vector<QueuedJob>> ReadQueuedJobs(
      const std::vector<JobId>& jobs) const = 0;

  // Bytes of artifacts that are still there, by user.
  virtual absl::StatusOr<std::map<std::string, int64_t>> ReadDiskUse()
      const = 0;

  // Says of each why it waits, in one transaction; those that wait no longer
  // are left out.
  virtual absl::Status NoteWaits(const std::vector<WaitNote>& waits) = 0;

  // Errors: FAILED_PRECONDITION, JOB_NOT_WAITING or JOB_ENDED; ABORTED,
  // JOB_CHANGED: another version.
  virtual absl::StatusOr<Job> UpdateJob(const JobUpdate& update) = 0;

  // Takes no new starts, over restarts too; nothing: takes them again.
  virtual absl::Status SetDrain(const std::optional<ServerDrain>& drain) = 0;
};

}  // namespace atelier::server
