#include "server/store/sqlite_schedule_store.h"

#include "proto/cc/status_macros.h"
#include "server/store/job_changes.h"
#include "server/store/schedule_rows.h"

namespace atelier::server {

absl::StatusOr<ScheduleSnapshot> SqliteScheduleStore::ReadSchedule(
    int64_t usage_from) const {
  using Snapshot = absl::StatusOr<ScheduleSnapshot>;
  return readers_.Read("cannot read the queue",
                       [&](Connection& connection) -> Snapshot {
                         return server::ReadSchedule(connection, usage_from);
                       });
}

absl::StatusOr<std::vector<QueuedJob>> SqliteScheduleStore::ReadQueuedJobs(
    const std::vector<JobId>& jobs) const {
  using Jobs = absl::StatusOr<std::vector<QueuedJob>>;
  return readers_.Read("cannot read the queue",
                       [&](Connection& connection) -> Jobs {
                         return server::ReadQueuedJobs(connection, jobs);
                       });
}

absl::StatusOr<std::map<std::string, int64_t>>
SqliteScheduleStore::ReadDiskUse() const {
  using Use = absl::StatusOr<std::map<std::string, int64_t>>;
  return readers_.Read("cannot read the use of the disk",
                       [](Connection& connection) -> Use {
                         return server::ReadDiskUse(connection);
                       });
}

absl::Status SqliteScheduleStore::NoteWaits(
    const std::vector<WaitNote>& waits) {
  if (waits.empty()) return absl::OkStatus();
  return writer_.Run([&](WriteTransaction& transaction) -> absl::Status {
    for (const WaitNote& wait : waits) {
      const absl::Status noted =
          ExplainWait(transaction, wait.job, wait.reason, wait.message);
      if (!noted.ok() && !absl::IsAborted(noted)) return noted;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<Job> SqliteScheduleStore::UpdateJob(const JobUpdate& update) {
  Job job;
  RETURN_IF_ERROR(
      writer_.Run([&](WriteTransaction& transaction) -> absl::Status {
        ASSIGN_OR_RETURN(job, UpdateQueuedJob(transaction, update));
        return absl::OkStatus();
      }));
  return job;
}

absl::Status SqliteScheduleStore::SetDrain(
    const std::optional<ServerDrain>& drain) {
  return writer_.Run([&](WriteTransaction& transaction) {
    WriteDrain(transaction.connection(), drain);
    return absl::OkStatus();
  });
}

}  // namespace atelier::server
