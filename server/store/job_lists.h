// Reading many rows: pages of jobs and artifacts, the queue, counts. Errors are
// those of the JobStore method of the same name; these also throw
// SQLite::Exception.
#pragma once

#include <vector>

#include "absl/status/statusor.h"

#include "server/jobs/job_store.h"
#include "server/store/connection.h"

namespace atelier::server {

absl::StatusOr<JobPage> ListJobs(Connection& connection, const JobQuery& query);

absl::StatusOr<ArtifactPage> ListArtifacts(Connection& connection,
                                           const ArtifactQuery& query);

absl::StatusOr<v1::Artifact> ReadArtifact(Connection& connection, JobId job,
                                          const std::string& path);

absl::StatusOr<std::vector<Job>> ReadRunning(Connection& connection);

std::vector<JobCount> ReadCounts(Connection& connection);

}  // namespace atelier::server
