// The changes of jobs and attempts, each within a transaction that the caller
// commits. Errors are those of the JobStore method of the same name; they also
// throw SQLite::Exception.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/jobs/job_store.h"
#include "server/store/writer.h"

namespace atelier::server {

// The job that an earlier request made; 0: none did.
absl::StatusOr<JobId> FindRequest(Connection& connection,
                                  const NewJob& request);

absl::StatusOr<Submission> SubmitJob(WriteTransaction& transaction,
                                     const std::string& state_dir,
                                     const NewJob& request);

absl::StatusOr<Job> ChangeState(WriteTransaction& transaction,
                                const StateChange& change);

absl::Status ExplainWait(WriteTransaction& transaction, JobId job,
                         v1::JobReason reason, const std::string& message);

absl::StatusOr<Job> RequestCancel(WriteTransaction& transaction, JobId job,
                                  const std::string& message);

absl::StatusOr<Job> StartAttempt(WriteTransaction& transaction,
                                 const std::string& state_dir,
                                 const AttemptPlan& plan);

absl::Status RecordSpawn(WriteTransaction& transaction,
                         const SpawnRecord& record);

absl::StatusOr<Job> MarkRunning(WriteTransaction& transaction,
                                const AttemptId& attempt);

absl::StatusOr<Job> FinishAttempt(WriteTransaction& transaction,
                                  const AttemptEnd& end);

// The job whose newest attempt is this one and runs; ABORTED, WORKER_FENCED
// otherwise.
absl::StatusOr<Job> ReadCurrent(Connection& connection,
                                const AttemptId& attempt);

}  // namespace atelier::server
