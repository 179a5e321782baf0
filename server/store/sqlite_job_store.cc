#include "server/store/sqlite_job_store.h"

#include <memory>
#include <utility>

#include "proto/cc/status_macros.h"
#include "server/store/device_drains.h"
#include "server/store/job_changes.h"
#include "server/store/job_lists.h"
#include "server/store/job_rows.h"
#include "server/store/worker_events.h"

namespace atelier::server {
namespace {

// Makes a change that gives a value; the value counts once it is durable.
template <typename T, typename F>
absl::StatusOr<T> RunChange(Writer& writer, F change) {
  T value;
  RETURN_IF_ERROR(
      writer.Run([&](WriteTransaction& transaction) -> absl::Status {
        ASSIGN_OR_RETURN(value, change(transaction));
        return absl::OkStatus();
      }));
  return value;
}

}  // namespace

absl::StatusOr<Submission> SqliteJobStore::SubmitJob(const NewJob& job) {
  return RunChange<Submission>(writer_, [&](WriteTransaction& transaction) {
    return server::SubmitJob(transaction, state_dir_, job);
  });
}

absl::StatusOr<std::optional<Job>> SqliteJobStore::FindSubmission(
    const std::string& owner, const std::string& request_id,
    const std::string& body_hash) const {
  const NewJob request = {v1::JobSpec(), owner, request_id, body_hash, 0};
  return readers_.Read(
      "cannot look for an earlier request",
      [&](Connection& connection) -> absl::StatusOr<std::optional<Job>> {
        ASSIGN_OR_RETURN(const JobId known, FindRequest(connection, request));
        if (known == 0) return std::optional<Job>();
        ASSIGN_OR_RETURN(Job job, ReadJobRow(connection, known));
        return std::optional<Job>(std::move(job));
      });
}

absl::StatusOr<Job> SqliteJobStore::ReadJob(JobId job) const {
  return readers_.Read("cannot read a job", [&](Connection& connection) {
    return ReadJobRow(connection, job);
  });
}

absl::StatusOr<JobPage> SqliteJobStore::ListJobs(const JobQuery& query) const {
  return readers_.Read("cannot list jobs", [&](Connection& connection) {
    return server::ListJobs(connection, query);
  });
}

absl::StatusOr<Job> SqliteJobStore::ChangeState(const StateChange& change) {
  return RunChange<Job>(writer_, [&](WriteTransaction& transaction) {
    return server::ChangeState(transaction, change);
  });
}

absl::Status SqliteJobStore::ExplainWait(JobId job, v1::JobReason reason,
                                         const std::string& message) {
  return writer_.Run([&](WriteTransaction& transaction) {
    return server::ExplainWait(transaction, job, reason, message);
  });
}

absl::StatusOr<Job> SqliteJobStore::RequestCancel(JobId job,
                                                  const std::string& message) {
  return RunChange<Job>(writer_, [&](WriteTransaction& transaction) {
    return server::RequestCancel(transaction, job, message);
  });
}

absl::StatusOr<Job> SqliteJobStore::StartAttempt(const AttemptPlan& plan) {
  return RunChange<Job>(writer_, [&](WriteTransaction& transaction) {
    return server::StartAttempt(transaction, state_dir_, plan);
  });
}

absl::Status SqliteJobStore::RecordSpawn(const SpawnRecord& record) {
  return writer_.Run([&](WriteTransaction& transaction) {
    return server::RecordSpawn(transaction, record);
  });
}

absl::StatusOr<Job> SqliteJobStore::MarkRunning(const AttemptId& attempt) {
  return RunChange<Job>(writer_, [&](WriteTransaction& transaction) {
    return server::MarkRunning(transaction, attempt);
  });
}

void SqliteJobStore::AppendWorkerEvents(const AttemptId& attempt,
                                        std::vector<v1::Event> events,
                                        AppendCallback done) {
  auto durable = std::make_shared<int64_t>(0);
  writer_.Enqueue(
      [attempt, events = std::move(events),
       durable](WriteTransaction& transaction) -> absl::Status {
        ASSIGN_OR_RETURN(
            *durable, server::AppendWorkerEvents(transaction, attempt, events));
        return absl::OkStatus();
      },
      [durable, done = std::move(done)](absl::Status status) {
        if (!status.ok()) return done(std::move(status));
        done(*durable);
      });
}

absl::StatusOr<Job> SqliteJobStore::FinishAttempt(const AttemptEnd& end) {
  return RunChange<Job>(writer_, [&](WriteTransaction& transaction) {
    return server::FinishAttempt(transaction, end);
  });
}

absl::StatusOr<std::vector<Job>> SqliteJobStore::RunningJobs() const {
  return readers_.Read("cannot read running jobs", ReadRunning);
}

absl::StatusOr<HeldDevices> SqliteJobStore::ReadHeldDevices() const {
  using Held = absl::StatusOr<HeldDevices>;
  return readers_.Read("cannot read what jobs hold",
                       [](Connection& connection) -> Held {
                         return HeldDevices{ReadLeases(connection),
                                            ReadReservedMemory(connection)};
                       });
}

absl::StatusOr<std::vector<DeviceDrain>> SqliteJobStore::ReadDeviceDrains()
    const {
  using Drains = absl::StatusOr<std::vector<DeviceDrain>>;
  return readers_.Read("cannot read drained devices",
                       [](Connection& connection) -> Drains {
                         return server::ReadDeviceDrains(connection);
                       });
}

absl::Status SqliteJobStore::DrainDevice(const DeviceDrain& drain) {
  return writer_.Run([&](WriteTransaction& transaction) {
    WriteDeviceDrain(transaction.connection(), drain);
    return absl::OkStatus();
  });
}

absl::Status SqliteJobStore::UndrainDevice(const std::string& device) {
  return writer_.Run([&](WriteTransaction& transaction) {
    DeleteDeviceDrain(transaction.connection(), device);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<JobCount>> SqliteJobStore::CountJobs() const {
  using Counts = absl::StatusOr<std::vector<JobCount>>;
  return readers_.Read(
      "cannot count jobs",
      [](Connection& connection) -> Counts { return ReadCounts(connection); });
}

absl::StatusOr<ArtifactPage> SqliteJobStore::ListArtifacts(
    const ArtifactQuery& query) const {
  return readers_.Read("cannot list artifacts", [&](Connection& connection) {
    return server::ListArtifacts(connection, query);
  });
}

absl::StatusOr<v1::Artifact> SqliteJobStore::ReadArtifact(
    JobId job, const std::string& path) const {
  return readers_.Read("cannot read an artifact", [&](Connection& connection) {
    return server::ReadArtifact(connection, job, path);
  });
}

}  // namespace atelier::server
