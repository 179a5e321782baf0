#include "server/store/job_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "server/jobs/job_paths.h"

namespace atelier::server {
namespace {

constexpr char kAttemptColumns[] =
    "number, start_time, end_time, outcome, reason, message, token_hash, "
    "run_dir, boot_id, shim_pid, shim_start_ticks, worker_pid, "
    "worker_start_ticks, exit_code, exit_signal, last_log, durable_sequence";

ProcessId ProcessFromRow(const Query& row, int pid, int ticks,
                         const std::string& boot_id) {
  ProcessId process;
  process.pid = static_cast<pid_t>(row.Int(pid));
  if (process.pid == 0) return process;
  process.start_ticks = static_cast<uint64_t>(row.Int(ticks));
  process.boot_id = boot_id;
  return process;
}

std::optional<int> IntOrNone(const Query& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return static_cast<int>(row.Int(column));
}

Attempt AttemptFromRow(JobId job, const Query& row) {
  Attempt attempt;
  attempt.id = {job, static_cast<int>(row.Int(0))};
  attempt.start_time = row.Time(1);
  attempt.end_time = row.Time(2);
  attempt.outcome = static_cast<v1::AttemptOutcome>(row.Int(3));
  attempt.reason = static_cast<v1::JobReason>(row.Int(4));
  attempt.message = row.Text(5);
  attempt.token_hash = row.Text(6);
  attempt.run_dir = row.Text(7);
  attempt.shim = ProcessFromRow(row, 9, 10, row.Text(8));
  attempt.worker = ProcessFromRow(row, 11, 12, row.Text(8));
  attempt.exit = {IntOrNone(row, 13), IntOrNone(row, 14)};
  attempt.last_log = row.Text(15);
  attempt.durable_sequence = row.Int(16);
  return attempt;
}

// NULL in the database: without end.
std::optional<int64_t> LimitColumn(absl::Duration limit) {
  if (limit == absl::InfiniteDuration()) return std::nullopt;
  return absl::ToInt64Microseconds(limit);
}

}  // namespace

const char kRequestColumns[] =
    "device_type, device_count, min_vram_bytes, device_model, "
    "host_memory_bytes, time_limit";

JobRequest RequestFromRow(const Query& row, int first) {
  JobRequest request;
  request.kind = static_cast<v1::DeviceType>(row.Int(first));
  request.count = static_cast<int>(row.Int(first + 1));
  request.min_vram_bytes = row.Int(first + 2);
  request.model = row.Text(first + 3);
  request.host_memory_bytes = row.Int(first + 4);
  if (!row.IsNull(first + 5)) {
    request.time_limit = absl::Microseconds(row.Int(first + 5));
  }
  return request;
}

const char kJobColumns[] =
    "jobs.id, uid, spec, state, reason, message, owner, create_time, "
    "start_time, end_time, not_before, cancel_requested, output_dir, progress, "
    "attempt_count, last_sequence, version, time_limit, priority, "
    "sweep_running";

Job JobFromRow(const Query& row) {
  Job job;
  job.id = row.Int(0);
  job.uid = row.Text(1);
  // Our own bytes; a field that does not parse stays at its default.
  job.spec.ParseFromString(row.Text(2));
  job.state = static_cast<v1::JobState>(row.Int(3));
  job.reason = static_cast<v1::JobReason>(row.Int(4));
  job.message = row.Text(5);
  job.owner = row.Text(6);
  job.create_time = row.Time(7);
  job.start_time = row.Time(8);
  job.end_time = row.Time(9);
  job.not_before = row.Time(10);
  job.cancel_requested = row.Int(11) != 0;
  job.output_dir = row.Text(12);
  job.progress.ParseFromString(row.Text(13));
  job.attempt_count = static_cast<int>(row.Int(14));
  job.last_sequence = row.Int(15);
  job.version = row.Int(16);
  // What may change of what was asked for.
  job.spec.clear_time_limit();
  if (!row.IsNull(17)) {
    job.time_limit = absl::Microseconds(row.Int(17));
    job.spec.mutable_time_limit()->set_seconds(row.Int(17) / 1000000);
    job.spec.mutable_time_limit()->set_nanos(
        static_cast<int>(row.Int(17) % 1000000 * 1000));
  }
  job.spec.set_priority(static_cast<int>(row.Int(18)));
  job.spec.set_sweep_running(static_cast<int>(row.Int(19)));
  return job;
}

absl::Status JobNotFound(JobId job) {
  return MakeError(absl::StatusCode::kNotFound, reasons::kJobNotFound,
                   absl::StrCat("there is no job ", job),
                   {{"job", absl::StrCat(job)}});
}

absl::StatusOr<Job> ReadJobRow(Connection& connection, JobId id) {
  Query query(connection,
              absl::StrCat("SELECT ", kJobColumns, " FROM jobs WHERE id = ?"));
  query.Bind(id);
  if (!query.Step()) return JobNotFound(id);
  Job job = JobFromRow(query);
  job.attempts = ReadAttempts(connection, id);
  return job;
}

std::vector<Attempt> ReadAttempts(Connection& connection, JobId job) {
  std::vector<Attempt> attempts;
  Query query(connection, absl::StrCat("SELECT ", kAttemptColumns,
                                       " FROM attempts WHERE job_id = ? "
                                       "ORDER BY number"));
  query.Bind(job);
  while (query.Step()) attempts.push_back(AttemptFromRow(job, query));
  Query leases(connection,
               "SELECT attempt, device FROM leases WHERE job_id = ? "
               "ORDER BY id");
  leases.Bind(job);
  while (leases.Step()) {
    // Numbers go from 1 without gaps.
    const auto index = static_cast<size_t>(leases.Int(0) - 1);
    if (index < attempts.size()) {
      attempts[index].devices.push_back(leases.Text(1));
    }
  }
  return attempts;
}

void InsertJob(Connection& connection, const std::string& state_dir, Job* job) {
  const JobRequest request = RequestOf(job->spec);
  Query(connection,
        absl::StrCat("INSERT INTO jobs (uid, name, architecture, owner, spec, "
                     "state, reason, message, create_time, output_dir, ",
                     kRequestColumns,
                     ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                     "?)"))
      .Bind(job->uid, job->spec.name(), int{job->spec.architecture()},
            job->owner, ToBlob(job->spec), int{job->state}, int{job->reason},
            job->message, job->create_time, job->output_dir, int{request.kind},
            request.count, request.min_vram_bytes, request.model,
            request.host_memory_bytes, LimitColumn(request.time_limit))
      .Run();
  job->id = connection.last_insert_id();
  job->time_limit = request.time_limit;
  if (job->output_dir.empty()) {
    job->output_dir = DefaultOutputFolder(state_dir, job->id);
    Query(connection, "UPDATE jobs SET output_dir = ? WHERE id = ?")
        .Bind(job->output_dir, job->id)
        .Run();
  }
  for (const auto& [key, value] : job->spec.labels()) {
    Query(connection, "INSERT INTO labels VALUES (?, ?, ?)")
        .Bind(job->id, key, value)
        .Run();
  }
}

void UpdateJob(Connection& connection, Job* job) {
  ++job->version;
  Query(connection,
        "UPDATE jobs SET state = ?, reason = ?, message = ?, start_time = ?, "
        "end_time = ?, not_before = ?, cancel_requested = ?, progress = ?, "
        "attempt_count = ?, last_sequence = ?, version = ? WHERE id = ?")
      .Bind(int{job->state}, int{job->reason}, job->message, job->start_time,
            job->end_time, job->not_before, job->cancel_requested,
            ToBlob(job->progress), job->attempt_count, job->last_sequence,
            job->version, job->id)
      .Run();
}

void InsertAttempt(Connection& connection, const Attempt& attempt) {
  Query(connection,
        "INSERT INTO attempts (job_id, number, start_time, token_hash, "
        "run_dir) VALUES (?, ?, ?, ?, ?)")
      .Bind(attempt.id.job, attempt.id.number, attempt.start_time,
            attempt.token_hash, attempt.run_dir)
      .Run();
  for (const std::string& device : attempt.devices) {
    Query(connection,
          "INSERT INTO leases (device, kind, job_id, attempt, lease_time) "
          "VALUES (?, ?, ?, ?, ?)")
        .Bind(device, int{KindOfDevice(device)}, attempt.id.job,
              attempt.id.number, attempt.start_time)
        .Run();
  }
}

void UpdateAttempt(Connection& connection, const Attempt& attempt) {
  const std::string& boot_id = attempt.shim.boot_id.empty()
                                   ? attempt.worker.boot_id
                                   : attempt.shim.boot_id;
  Query(connection,
        "UPDATE attempts SET end_time = ?, outcome = ?, reason = ?, "
        "message = ?, boot_id = ?, shim_pid = ?, shim_start_ticks = ?, "
        "worker_pid = ?, worker_start_ticks = ?, exit_code = ?, "
        "exit_signal = ?, last_log = ?, durable_sequence = ? "
        "WHERE job_id = ? AND number = ?")
      .Bind(attempt.end_time, int{attempt.outcome}, int{attempt.reason},
            attempt.message, boot_id, attempt.shim.pid,
            static_cast<int64_t>(attempt.shim.start_ticks), attempt.worker.pid,
            static_cast<int64_t>(attempt.worker.start_ticks), attempt.exit.code,
            attempt.exit.signal, attempt.last_log, attempt.durable_sequence,
            attempt.id.job, attempt.id.number)
      .Run();
}

std::vector<DeviceLease> ReadLeases(Connection& connection) {
  std::vector<DeviceLease> leases;
  Query query(connection,
              "SELECT device, job_id, attempt FROM leases "
              "WHERE release_time IS NULL");
  while (query.Step()) {
    leases.push_back(
        {query.Text(0), {query.Int(1), static_cast<int>(query.Int(2))}});
  }
  return leases;
}

int64_t ReadReservedMemory(Connection& connection) {
  Query sum(connection,
            "SELECT COALESCE(SUM(host_memory_bytes), 0) FROM jobs "
            "WHERE state IN (?, ?, ?)");
  sum.Bind(int{v1::JOB_STATE_STARTING}, int{v1::JOB_STATE_RUNNING},
           int{v1::JOB_STATE_STOPPING});
  return sum.Step() ? sum.Int(0) : 0;
}

}  // namespace atelier::server
