// Jobs, attempts, labels and leases as rows, and the rows' reading. Everything
// here throws SQLite::Exception; call it within CatchSql.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "server/jobs/job.h"
#include "server/jobs/job_store.h"
#include "server/store/connection.h"

namespace atelier::server {

// Columns of `jobs`, as JobFromRow reads them.
extern const char kJobColumns[];
Job JobFromRow(const Query& row);

// Columns of `jobs` that make up its JobRequest; `first` is where they start.
extern const char kRequestColumns[];
JobRequest RequestFromRow(const Query& row, int first);

// The error for a job that is not there.
absl::Status JobNotFound(JobId job);

// With its attempts. Errors: NOT_FOUND, JOB_NOT_FOUND.
absl::StatusOr<Job> ReadJobRow(Connection& connection, JobId job);

// Oldest first, with their devices.
std::vector<Attempt> ReadAttempts(Connection& connection, JobId job);

// Stores a job and its labels; sets `job->id` and, where it is empty,
// `job->output_dir`.
void InsertJob(Connection& connection, const std::string& state_dir, Job* job);

// Writes what may change of a job: state, reason, message, times, cancel mark,
// progress, counters. The version grows by one, in `job` too.
void UpdateJob(Connection& connection, Job* job);

void InsertAttempt(Connection& connection, const Attempt& attempt);
// Outcome, message, processes, exit, log, durable sequence.
void UpdateAttempt(Connection& connection, const Attempt& attempt);

std::vector<DeviceLease> ReadLeases(Connection& connection);

// Memory that STARTING, RUNNING and STOPPING jobs asked for.
int64_t ReadReservedMemory(Connection& connection);

}  // namespace atelier::server
