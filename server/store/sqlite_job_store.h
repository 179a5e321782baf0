// JobStore in SQLite: changes go through the writer, reads through connections
// of their own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/jobs/job_store.h"
#include "server/store/reader_pool.h"
#include "server/store/writer.h"

namespace atelier::server {

class SqliteJobStore : public JobStore {
 public:
  // Both outlive the store. `state_dir` is where jobs get their folders.
  SqliteJobStore(std::string state_dir, Writer& writer, ReaderPool& readers)
      : state_dir_(std::move(state_dir)), writer_(writer), readers_(readers) {}

  absl::StatusOr<Submission> SubmitJob(const NewJob& job) override;
  absl::StatusOr<std::optional<Job>> FindSubmission(
      const std::string& owner, const std::string& request_id,
      const std::string& body_hash) const override;
  absl::StatusOr<Job> ReadJob(JobId job) const override;
  absl::StatusOr<JobPage> ListJobs(const JobQuery& query) const override;
  absl::StatusOr<Job> ChangeState(const StateChange& change) override;
  absl::Status ExplainWait(JobId job, v1::JobReason reason,
                           const std::string& message) override;
  absl::StatusOr<Job> RequestCancel(JobId job,
                                    const std::string& message) override;
  absl::StatusOr<Job> StartAttempt(const AttemptPlan& plan) override;
  absl::Status RecordSpawn(const SpawnRecord& record) override;
  absl::StatusOr<Job> MarkRunning(const AttemptId& attempt) override;
  using JobStore::AppendWorkerEvents;
  void AppendWorkerEvents(const AttemptId& attempt,
                          std::vector<v1::Event> events,
                          AppendCallback done) override;
  absl::StatusOr<Job> FinishAttempt(const AttemptEnd& end) override;
  absl::StatusOr<std::vector<Job>> RunningJobs() const override;
  absl::StatusOr<HeldDevices> ReadHeldDevices() const override;
  absl::StatusOr<std::vector<DeviceDrain>> ReadDeviceDrains() const override;
  absl::Status DrainDevice(const DeviceDrain& drain) override;
  absl::Status UndrainDevice(const std::string& device) override;
  absl::StatusOr<std::vector<JobCount>> CountJobs() const override;
  absl::StatusOr<ArtifactPage> ListArtifacts(
      const ArtifactQuery& query) const override;
  absl::StatusOr<v1::Artifact> ReadArtifact(
      JobId job, const std::string& path) const override;

 private:
  const std::string state_dir_;
  Writer& writer_;
  ReaderPool& readers_;
};

}  // namespace atelier::server
