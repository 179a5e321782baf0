#include "server/store/job_changes.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/job_state.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/utf8.h"
#include "server/jobs/attempt_token.h"
#include "server/jobs/job_paths.h"
#include "server/store/job_rows.h"
#include "server/store/schedule_rows.h"
#include "server/store/sqlite_event_log.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxMessageBytes = 4096;
constexpr size_t kMaxLogBytes = 16384;

std::string Message(absl::string_view text) {
  return CutUtf8(ToUtf8(text), kMaxMessageBytes);
}

std::string LastLog(absl::string_view text) {
  return ToUtf8(text.substr(text.size() - std::min(text.size(), kMaxLogBytes)));
}

// Moves a job that was read to another state and appends the event; writes it.
absl::Status Move(WriteTransaction& transaction, const StateChange& change,
                  Job* job) {
  const bool is_same = job->state == change.state;
  if (is_same && job->reason == change.reason &&
      job->message == change.message) {
    return absl::OkStatus();
  }
  if (IsTerminal(job->state)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, reasons::kJobEnded,
                     absl::StrCat("job ", job->id, " has ended: it is ",
                                  EnumName(job->state)));
  }
  if (!is_same && !CanBecome(job->state, change.state)) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", job->id, " is ", EnumName(job->state),
                     " and cannot become ", EnumName(change.state)));
  }
  job->state = change.state;
  job->reason = change.reason;
  job->message = Message(change.message);
  if (IsTerminal(job->state)) job->end_time = transaction.now();
  AppendStateEvent(transaction, job);
  UpdateJob(transaction.connection(), job);
  return absl::OkStatus();
}

void ReleaseDevices(WriteTransaction& transaction, const AttemptId& attempt) {
  Query(transaction.connection(),
        "UPDATE leases SET release_time = ? WHERE job_id = ? AND attempt = ? "
        "AND release_time IS NULL")
      .Bind(transaction.now(), attempt.job, attempt.number)
      .Run();
}

absl::Status CheckWaits(const Job& job) {
  if (job.state == v1::JOB_STATE_PENDING) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      "job ", job.id, " is ", EnumName(job.state), " and no longer waits"));
}

absl::Status CheckFree(Connection& connection,
                       const std::vector<std::string>& devices) {
  for (const DeviceLease& lease : ReadLeases(connection)) {
    if (std::find(devices.begin(), devices.end(), lease.device) ==
        devices.end()) {
      continue;
    }
    return absl::AbortedError(absl::StrCat(
        "device ", lease.device, " was taken by job ", lease.holder.job));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<JobId> FindRequest(Connection& connection,
                                  const NewJob& request) {
  Query query(connection,
              "SELECT job_id, body_hash FROM requests "
              "WHERE owner = ? AND request_id = ?");
  query.Bind(request.owner, request.request_id);
  if (!query.Step()) return 0;
  if (query.Text(1) == request.body_hash) return query.Int(0);
  return MakeError(absl::StatusCode::kAlreadyExists, reasons::kRequestIdReused,
                   absl::StrCat("request_id ", request.request_id,
                                " was used for job ", query.Int(0),
                                ", which asked for something else; a new "
                                "request needs a new id"));
}

absl::StatusOr<Submission> SubmitJob(WriteTransaction& transaction,
                                     const std::string& state_dir,
                                     const NewJob& request) {
  Connection& connection = transaction.connection();
  if (!request.request_id.empty()) {
    ASSIGN_OR_RETURN(const JobId known, FindRequest(connection, request));
    if (known != 0) {
      ASSIGN_OR_RETURN(Job job, ReadJobRow(connection, known));
      return Submission{std::move(job), false};
    }
  }
  RETURN_IF_ERROR(
      CheckQueuedQuota(connection, request.owner, request.queued_quota));
  Submission submission;
  Job& job = submission.job;
  job.uid = MakeUid(absl::ToUnixMillis(transaction.now()));
  job.spec = request.spec;
  job.owner = request.owner;
  job.create_time = transaction.now();
  if (job.spec.hold()) job.state = v1::JOB_STATE_HELD;
  job.reason = FirstReason(job.spec);
  job.message = FirstMessage(job.spec);
  job.output_dir = request.spec.training().output().output_dir();
  InsertJob(connection, state_dir, &job);
  RETURN_IF_ERROR(InsertSchedule(connection, job));
  if (!request.request_id.empty()) {
    Query(connection, "INSERT INTO requests VALUES (?, ?, ?, ?, ?)")
        .Bind(request.owner, request.request_id, request.body_hash, job.id,
              transaction.now())
        .Run();
  }
  AppendStateEvent(transaction, &job);
  UpdateJob(connection, &job);
  return submission;
}

absl::StatusOr<Job> ChangeState(WriteTransaction& transaction,
                                const StateChange& change) {
  ASSIGN_OR_RETURN(Job job, ReadJobRow(transaction.connection(), change.job));
  RETURN_IF_ERROR(Move(transaction, change, &job));
  return job;
}

absl::Status ExplainWait(WriteTransaction& transaction, JobId id,
                         v1::JobReason reason, const std::string& message) {
  ASSIGN_OR_RETURN(Job job, ReadJobRow(transaction.connection(), id));
  RETURN_IF_ERROR(CheckWaits(job));
  return Move(transaction, {id, v1::JOB_STATE_PENDING, reason, message}, &job);
}

absl::StatusOr<Job> RequestCancel(WriteTransaction& transaction, JobId id,
                                  const std::string& message) {
  ASSIGN_OR_RETURN(Job job, ReadJobRow(transaction.connection(), id));
  if (job.state == v1::JOB_STATE_STOPPING && job.cancel_requested) return job;
  job.cancel_requested = true;
  const bool runs = job.state == v1::JOB_STATE_STARTING ||
                    job.state == v1::JOB_STATE_RUNNING ||
                    job.state == v1::JOB_STATE_STOPPING;
  StateChange change;
  change.job = id;
  change.state = runs ? v1::JOB_STATE_STOPPING : v1::JOB_STATE_CANCELLED;
  change.reason = v1::JOB_REASON_CANCELLED_BY_USER;
  change.message = message;
  // Asked again of a job that has ended, it is an error all the same.
  if (IsTerminal(job.state)) change.state = v1::JOB_STATE_STOPPING;
  RETURN_IF_ERROR(Move(transaction, change, &job));
  return job;
}

absl::StatusOr<Job> StartAttempt(WriteTransaction& transaction,
                                 const std::string& state_dir,
                                 const AttemptPlan& plan) {
  Connection& connection = transaction.connection();
  ASSIGN_OR_RETURN(Job job, ReadJobRow(connection, plan.job));
  RETURN_IF_ERROR(CheckWaits(job));
  RETURN_IF_ERROR(CheckFree(connection, plan.devices));
  Attempt attempt;
  attempt.id = {job.id, ++job.attempt_count};
  attempt.start_time = transaction.now();
  attempt.token_hash = plan.token_hash;
  attempt.run_dir = RunFolder(state_dir, attempt.id);
  attempt.devices = plan.devices;
  InsertAttempt(connection, attempt);
  job.attempts.push_back(std::move(attempt));
  if (job.start_time == absl::InfinitePast()) {
    job.start_time = transaction.now();
  }
  job.not_before = absl::InfinitePast();
  RETURN_IF_ERROR(
      Move(transaction, {job.id, v1::JOB_STATE_STARTING, {}, ""}, &job));
  return job;
}

absl::StatusOr<Job> ReadCurrent(Connection& connection,
                                const AttemptId& attempt) {
  ASSIGN_OR_RETURN(Job job, ReadJobRow(connection, attempt.job));
  const bool is_newest =
      !job.attempts.empty() && job.attempts.back().id == attempt;
  if (is_newest &&
      job.attempts.back().outcome == v1::ATTEMPT_OUTCOME_UNSPECIFIED) {
    return job;
  }
  return MakeError(
      absl::StatusCode::kAborted, reasons::kWorkerFenced,
      absl::StrCat("attempt ", attempt.number, " of job ", attempt.job,
                   is_newest ? " has ended" : " is not the newest one"));
}

absl::Status RecordSpawn(WriteTransaction& transaction,
                         const SpawnRecord& record) {
  ASSIGN_OR_RETURN(Job job, ReadCurrent(transaction.connection(), record.id));
  Attempt& attempt = job.attempts.back();
  if (record.shim.pid != 0) attempt.shim = record.shim;
  if (record.worker.pid != 0) attempt.worker = record.worker;
  UpdateAttempt(transaction.connection(), attempt);
  UpdateJob(transaction.connection(), &job);
  return absl::OkStatus();
}

absl::StatusOr<Job> MarkRunning(WriteTransaction& transaction,
                                const AttemptId& attempt) {
  ASSIGN_OR_RETURN(Job job, ReadCurrent(transaction.connection(), attempt));
  if (job.state != v1::JOB_STATE_STARTING) return job;
  RETURN_IF_ERROR(
      Move(transaction, {job.id, v1::JOB_STATE_RUNNING, {}, ""}, &job));
  return job;
}

absl::StatusOr<Job> FinishAttempt(WriteTransaction& transaction,
                                  const AttemptEnd& end) {
  const AttemptResult& result = end.result;
  ASSIGN_OR_RETURN(Job job, ReadCurrent(transaction.connection(), result.id));
  if (job.cancel_requested != end.saw_cancel) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", job.id, " was cancelled meanwhile"));
  }
  Attempt& attempt = job.attempts.back();
  attempt.end_time = transaction.now();
  attempt.outcome = result.outcome;
  attempt.reason = result.reason;
  attempt.message = Message(result.message);
  attempt.exit = result.exit;
  attempt.last_log = LastLog(result.last_log);
  UpdateAttempt(transaction.connection(), attempt);
  ReleaseDevices(transaction, result.id);
  AddUsage(transaction.connection(), job, attempt);
  job.not_before = end.not_before;
  RETURN_IF_ERROR(
      Move(transaction,
           {job.id, end.next_state, end.next_reason, end.next_message}, &job));
  return job;
}

}  // namespace atelier::server
