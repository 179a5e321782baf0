#include "server/store/worker_events.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "proto/cc/status_macros.h"
#include "server/jobs/job_message.h"
#include "server/store/job_changes.h"
#include "server/store/job_rows.h"
#include "server/store/sqlite_event_log.h"

namespace atelier::server {
namespace {

void InsertArtifact(WriteTransaction& transaction, JobId job,
                    const v1::Artifact& artifact) {
  Query(transaction.connection(),
        "INSERT INTO artifacts (job_id, kind, path, size_bytes, sha256, step, "
        "attempt, create_time, prompt, is_final) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .Bind(job, int{artifact.kind()}, artifact.path(), artifact.size_bytes(),
            artifact.sha256(), artifact.step(), artifact.attempt(),
            transaction.now(), artifact.prompt(), artifact.is_final())
      .Run();
}

v1::Artifact ArtifactOf(const v1::Event& event, v1::ArtifactKind kind) {
  v1::Artifact artifact;
  artifact.set_kind(kind);
  artifact.set_step(event.step());
  artifact.set_attempt(event.attempt());
  return artifact;
}

void AddCheckpoint(WriteTransaction& transaction, JobId job,
                   const v1::Event& event) {
  const v1::CheckpointEvent& checkpoint = event.checkpoint();
  v1::Artifact artifact = ArtifactOf(event, v1::ARTIFACT_KIND_CHECKPOINT);
  artifact.set_path(checkpoint.path());
  artifact.set_size_bytes(checkpoint.size_bytes());
  artifact.set_sha256(checkpoint.sha256());
  artifact.set_is_final(checkpoint.is_final());
  InsertArtifact(transaction, job, artifact);
  for (const std::string& path : checkpoint.removed()) {
    Query(transaction.connection(),
          "UPDATE artifacts SET removed = 1 WHERE job_id = ? AND path = ?")
        .Bind(job, path)
        .Run();
  }
}

void AddSample(WriteTransaction& transaction, JobId job,
               const v1::Event& event) {
  v1::Artifact artifact = ArtifactOf(event, v1::ARTIFACT_KIND_SAMPLE);
  artifact.set_path(event.sample().path());
  artifact.set_size_bytes(event.sample().size_bytes());
  artifact.set_sha256(event.sample().sha256());
  artifact.set_prompt(event.sample().prompt());
  InsertArtifact(transaction, job, artifact);
}

void AddState(WriteTransaction& transaction, JobId job,
              const v1::Event& event) {
  v1::Artifact artifact = ArtifactOf(event, v1::ARTIFACT_KIND_TRAINING_STATE);
  artifact.set_path(event.training_state().path());
  artifact.set_size_bytes(event.training_state().size_bytes());
  InsertArtifact(transaction, job, artifact);
}

void ApplyStep(const v1::Event& event, v1::Progress* progress) {
  const v1::StepEvent& step = event.step_done();
  progress->set_step(event.step());
  progress->set_total_steps(step.total_steps());
  progress->set_epoch(step.epoch());
  progress->set_total_epochs(step.total_epochs());
  progress->set_loss(step.loss());
  progress->set_smoothed_loss(step.smoothed_loss());
  progress->set_lr(step.lr());
  progress->set_images_per_second(step.images_per_second());
  progress->set_step_seconds(step.step_seconds());
  progress->set_host_peak_bytes(step.host_peak_bytes());
  progress->set_device_peak_bytes(step.device_peak_bytes());
}

void Apply(WriteTransaction& transaction, const v1::Event& event, Job* job) {
  switch (event.kind_case()) {
    case v1::Event::kPhase:
      job->progress.set_phase(event.phase().phase());
      job->progress.set_phase_done(event.phase().done());
      job->progress.set_phase_total(event.phase().total());
      break;
    case v1::Event::kStepDone:
      ApplyStep(event, &job->progress);
      break;
    case v1::Event::kResumed:
      job->progress.set_step(event.step());
      break;
    case v1::Event::kCheckpoint:
      AddCheckpoint(transaction, job->id, event);
      break;
    case v1::Event::kSample:
      AddSample(transaction, job->id, event);
      break;
    case v1::Event::kTrainingState:
      AddState(transaction, job->id, event);
      break;
    default:
      break;
  }
}

absl::Status CheckEvent(const v1::Event& event, int64_t expected) {
  if (event.worker_sequence() != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("worker_sequence is ", event.worker_sequence(), " where ",
                     expected, " follows"));
  }
  if (event.has_state()) {
    return absl::InvalidArgumentError(
        "a worker's event tells of a job's state, which only the daemon sets");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> AppendWorkerEvents(
    WriteTransaction& transaction, const AttemptId& id,
    const std::vector<v1::Event>& events) {
  ASSIGN_OR_RETURN(Job job, ReadCurrent(transaction.connection(), id));
  Attempt& attempt = job.attempts.back();
  if (events.empty()) return attempt.durable_sequence;
  int64_t expected = events.front().worker_sequence();
  if (expected > attempt.durable_sequence + 1) {
    return absl::OutOfRangeError(
        absl::StrCat("worker events ", attempt.durable_sequence + 1, " to ",
                     expected - 1, " are missing"));
  }
  const int64_t known = attempt.durable_sequence;
  for (const v1::Event& event : events) {
    RETURN_IF_ERROR(CheckEvent(event, expected));
    ++expected;
    if (event.worker_sequence() <= known) continue;
    v1::Event kept = event;
    kept.set_attempt(id.number);
    if (!kept.has_time()) *kept.mutable_time() = ToTimestamp(transaction.now());
    Apply(transaction, kept, &job);
    attempt.durable_sequence = event.worker_sequence();
    AppendEvent(transaction, &job, std::move(kept));
  }
  if (attempt.durable_sequence == known) return known;
  UpdateAttempt(transaction.connection(), attempt);
  UpdateJob(transaction.connection(), &job);
  return attempt.durable_sequence;
}

}  // namespace atelier::server
