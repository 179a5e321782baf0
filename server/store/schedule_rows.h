// Priority, group, sweep and dependencies of jobs as rows; use of devices by
// the hour; the daemon's drain. Everything here throws SQLite::Exception; call
// it within CatchSql.
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
#include "server/store/connection.h"
#include "server/store/writer.h"

namespace atelier::server {

// Errors: RESOURCE_EXHAUSTED, QUOTA_EXCEEDED: `owner` has as many jobs waiting
// as it may; 0: any number.
absl::Status CheckQueuedQuota(Connection& connection, const std::string& owner,
                              int quota);

// Stores what of the job's spec its turn depends on; the job's row is there.
// Errors: INVALID_ARGUMENT: it waits for a job that does not exist.
absl::Status InsertSchedule(Connection& connection, const Job& job);

ScheduleSnapshot ReadSchedule(Connection& connection, int64_t usage_from);
std::vector<QueuedJob> ReadQueuedJobs(Connection& connection,
                                      const std::vector<JobId>& jobs);
std::map<std::string, int64_t> ReadDiskUse(Connection& connection);

// Counts an attempt that has ended.
void AddUsage(Connection& connection, const Job& job, const Attempt& attempt);

// Errors: those of ScheduleStore::UpdateJob.
absl::StatusOr<Job> UpdateQueuedJob(WriteTransaction& transaction,
                                    const JobUpdate& update);

void WriteDrain(Connection& connection,
                const std::optional<ServerDrain>& drain);

}  // namespace atelier::server
