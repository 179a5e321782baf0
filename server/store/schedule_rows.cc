#include "server/store/schedule_rows.h"

#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/error_details.h"
#include "proto/cc/job_state.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/store/job_rows.h"
#include "server/store/sqlite_event_log.h"

namespace atelier::server {
namespace {

constexpr char kQueuedColumns[] =
    "id, user_group, owner, state, reason, priority, create_time, not_before, "
    "sweep, sweep_running, attempt_count, ";

QueuedJob QueuedFromRow(const Query& row) {
  QueuedJob job;
  job.id = row.Int(0);
  job.account = {row.Text(1), row.Text(2)};
  job.state = static_cast<v1::JobState>(row.Int(3));
  job.reason = static_cast<v1::JobReason>(row.Int(4));
  job.priority = static_cast<int>(row.Int(5));
  job.create_time = row.Time(6);
  job.not_before = row.Time(7);
  job.sweep = row.Text(8);
  job.sweep_running = static_cast<int>(row.Int(9));
  job.attempt = static_cast<int>(row.Int(10));
  job.request = RequestFromRow(row, 11);
  return job;
}

void AddNewestAttempt(Connection& connection, QueuedJob* job) {
  if (job->attempt == 0) return;
  Query attempt(connection,
                "SELECT start_time, end_time FROM attempts WHERE job_id = ? "
                "AND number = ?");
  attempt.Bind(job->id, job->attempt);
  if (attempt.Step()) {
    job->attempt_start = attempt.Time(0);
    job->attempt_end = attempt.Time(1);
  }
  Query devices(connection,
                "SELECT device FROM leases WHERE job_id = ? AND attempt = ? "
                "ORDER BY id");
  devices.Bind(job->id, job->attempt);
  while (devices.Step()) job->devices.push_back(devices.Text(0));
}

AwaitedJob AwaitedFromRow(const Query& row) {
  AwaitedJob awaited;
  awaited.job = row.Int(1);
  awaited.condition = static_cast<v1::Dependency::Condition>(row.Int(2));
  // A job that was removed is as good as cancelled.
  awaited.state = row.IsNull(3) ? v1::JOB_STATE_CANCELLED
                                : static_cast<v1::JobState>(row.Int(3));
  return awaited;
}

constexpr char kAwaited[] =
    "SELECT d.job_id, d.after_id, d.condition, a.state FROM dependencies d "
    "LEFT JOIN jobs a ON a.id = d.after_id ";

std::optional<ServerDrain> ReadDrain(Connection& connection) {
  Query row(connection, "SELECT message, drain_time FROM drain");
  if (!row.Step()) return std::nullopt;
  return ServerDrain{row.Text(0), row.Time(1)};
}

absl::Status CheckUpdate(const Job& job, const JobUpdate& update) {
  if (IsTerminal(job.state)) {
    return MakeError(absl::StatusCode::kFailedPrecondition, reasons::kJobEnded,
                     absl::StrCat("job ", job.id, " has ended: it is ",
                                  EnumName(job.state)));
  }
  if (job.state != v1::JOB_STATE_PENDING && job.state != v1::JOB_STATE_HELD) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     reasons::kJobNotWaiting,
                     absl::StrCat("job ", job.id, " is ", EnumName(job.state),
                                  "; only a job that waits can be changed: "
                                  "requeue it first"));
  }
  if (update.version == 0 || update.version == job.version) {
    return absl::OkStatus();
  }
  return MakeError(absl::StatusCode::kAborted, reasons::kJobChanged,
                   absl::StrCat("job ", job.id,
                                " has changed since it was read; read it "
                                "again"));
}

}  // namespace

absl::Status CheckQueuedQuota(Connection& connection, const std::string& owner,
                              int quota) {
  if (quota <= 0) return absl::OkStatus();
  Query count(connection,
              "SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE owner = ? AND "
              "state IN (?, ?) LIMIT ?)");
  count.Bind(owner, int{v1::JOB_STATE_PENDING}, int{v1::JOB_STATE_HELD}, quota);
  if (!count.Step() || count.Int(0) < quota) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kResourceExhausted, reasons::kQuotaExceeded,
      absl::StrCat("user ", owner, " has ", quota,
                   " jobs waiting, as many as may: cancel some, or wait until "
                   "one has started"),
      {{"user", owner}, {"queued_jobs", absl::StrCat(quota)}});
}

absl::Status InsertSchedule(Connection& connection, const Job& job) {
  const v1::JobSpec& spec = job.spec;
  Query(connection,
        "UPDATE jobs SET priority = ?, user_group = ?, sweep = ?, "
        "sweep_running = ? WHERE id = ?")
      .Bind(spec.priority(), spec.group(), spec.sweep(), spec.sweep_running(),
            job.id)
      .Run();
  for (const v1::Dependency& dependency : spec.after()) {
    Query known(connection, "SELECT 1 FROM jobs WHERE id = ?");
    known.Bind(dependency.job_id());
    if (dependency.job_id() >= job.id || !known.Step()) {
      return MakeBadRequest(
          reasons::kInvalidRequest,
          {{"spec.after", absl::StrCat("after names job ", dependency.job_id(),
                                       ", and there is no such job")}});
    }
    const int condition =
        dependency.condition() == v1::Dependency::CONDITION_UNSPECIFIED
            ? int{v1::Dependency::CONDITION_OK}
            : int{dependency.condition()};
    Query(connection, "INSERT OR REPLACE INTO dependencies VALUES (?, ?, ?)")
        .Bind(job.id, dependency.job_id(), condition)
        .Run();
  }
  return absl::OkStatus();
}

ScheduleSnapshot ReadSchedule(Connection& connection, int64_t usage_from) {
  ScheduleSnapshot snapshot;
  std::unordered_map<JobId, size_t> index;
  Query rows(connection,
             absl::StrCat("SELECT ", kQueuedColumns, kRequestColumns,
                          " FROM jobs WHERE state BETWEEN ? AND ?"));
  rows.Bind(int{v1::JOB_STATE_PENDING}, int{v1::JOB_STATE_STOPPING});
  while (rows.Step()) {
    index[rows.Int(0)] = snapshot.jobs.size();
    snapshot.jobs.push_back(QueuedFromRow(rows));
  }
  for (QueuedJob& job : snapshot.jobs) AddNewestAttempt(connection, &job);
  Query awaited(connection,
                absl::StrCat(kAwaited,
                             "JOIN jobs j ON j.id = d.job_id AND j.state "
                             "BETWEEN ? AND ?"));
  awaited.Bind(int{v1::JOB_STATE_PENDING}, int{v1::JOB_STATE_STOPPING});
  while (awaited.Step()) {
    snapshot.jobs[index.at(awaited.Int(0))].after.push_back(
        AwaitedFromRow(awaited));
  }
  Query usage(connection,
              "SELECT user_group, owner, hour, device_seconds FROM usage "
              "WHERE hour >= ? ORDER BY hour");
  usage.Bind(usage_from);
  while (usage.Step()) {
    snapshot.usage.push_back(
        {{usage.Text(0), usage.Text(1)}, usage.Int(2), usage.Real(3)});
  }
  snapshot.drain = ReadDrain(connection);
  return snapshot;
}

std::vector<QueuedJob> ReadQueuedJobs(Connection& connection,
                                      const std::vector<JobId>& ids) {
  std::vector<QueuedJob> jobs;
  for (const JobId id : ids) {
    Query row(connection,
              absl::StrCat("SELECT ", kQueuedColumns, kRequestColumns,
                           " FROM jobs WHERE id = ?"));
    row.Bind(id);
    if (!row.Step()) continue;
    QueuedJob job = QueuedFromRow(row);
    AddNewestAttempt(connection, &job);
    Query awaited(connection, absl::StrCat(kAwaited, "WHERE d.job_id = ?"));
    awaited.Bind(id);
    while (awaited.Step()) job.after.push_back(AwaitedFromRow(awaited));
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::map<std::string, int64_t> ReadDiskUse(Connection& connection) {
  std::map<std::string, int64_t> bytes;
  Query rows(connection,
             "SELECT jobs.owner, SUM(artifacts.size_bytes) FROM artifacts "
             "JOIN jobs ON jobs.id = artifacts.job_id WHERE NOT "
             "artifacts.removed GROUP BY jobs.owner");
  while (rows.Step()) bytes[rows.Text(0)] = rows.Int(1);
  return bytes;
}

void AddUsage(Connection& connection, const Job& job, const Attempt& attempt) {
  const std::vector<UsageHour> hours =
      UsageOf({job.spec.group(), job.owner}, attempt.start_time,
              attempt.end_time, static_cast<int>(attempt.devices.size()));
  for (const UsageHour& usage : hours) {
    Query(connection,
          "INSERT INTO usage VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
          "device_seconds = device_seconds + excluded.device_seconds")
        .Bind(usage.account.group, usage.account.user, usage.hour,
              usage.device_seconds)
        .Run();
  }
}

absl::StatusOr<Job> UpdateQueuedJob(WriteTransaction& transaction,
                                    const JobUpdate& update) {
  Connection& connection = transaction.connection();
  ASSIGN_OR_RETURN(Job job, ReadJobRow(connection, update.job));
  RETURN_IF_ERROR(CheckUpdate(job, update));
  if (update.priority.has_value()) {
    Query(connection, "UPDATE jobs SET priority = ? WHERE id = ?")
        .Bind(*update.priority, job.id)
        .Run();
  }
  if (update.time_limit.has_value()) {
    std::optional<int64_t> limit;
    if (*update.time_limit != absl::InfiniteDuration())
      limit = absl::ToInt64Microseconds(*update.time_limit);
    Query(connection, "UPDATE jobs SET time_limit = ? WHERE id = ?")
        .Bind(limit, job.id)
        .Run();
  }
  if (update.sweep_running.has_value() && !job.spec.sweep().empty()) {
    Query(connection,
          "UPDATE jobs SET sweep_running = ? WHERE sweep = ? AND owner = ? "
          "AND state IN (?, ?)")
        .Bind(*update.sweep_running, job.spec.sweep(), job.owner,
              int{v1::JOB_STATE_PENDING}, int{v1::JOB_STATE_HELD})
        .Run();
  }
  ASSIGN_OR_RETURN(job, ReadJobRow(connection, update.job));
  if (update.start_now) job.not_before = absl::InfinitePast();
  if (job.state == v1::JOB_STATE_PENDING) {
    job.reason = v1::JOB_REASON_PRIORITY;
    job.message = update.start_now ? "was put back into the queue"
                                   : "was changed and waits for its turn";
  }
  // Whoever follows the job, the scheduler too, hears of it.
  AppendStateEvent(transaction, &job);
  UpdateJob(connection, &job);
  return job;
}

void WriteDrain(Connection& connection,
                const std::optional<ServerDrain>& drain) {
  Query(connection, "DELETE FROM drain").Run();
  if (!drain.has_value()) return;
  Query(connection, "INSERT INTO drain VALUES (1, ?, ?)")
      .Bind(drain->message, drain->time)
      .Run();
}

}  // namespace atelier::server
