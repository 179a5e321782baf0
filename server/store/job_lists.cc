#include "server/store/job_lists.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/jobs/job_message.h"
#include "server/store/job_rows.h"
#include "server/store/list_filter.h"
#include "server/store/page_token.h"

namespace atelier::server {
namespace {

constexpr char kArtifactColumns[] =
    "id, kind, path, size_bytes, sha256, step, attempt, create_time, removed, "
    "prompt, is_final";

v1::Artifact ArtifactFromRow(const Query& row) {
  v1::Artifact artifact;
  artifact.set_kind(static_cast<v1::ArtifactKind>(row.Int(1)));
  artifact.set_path(row.Text(2));
  artifact.set_size_bytes(row.Int(3));
  artifact.set_sha256(row.Text(4));
  artifact.set_step(row.Int(5));
  artifact.set_attempt(static_cast<int>(row.Int(6)));
  *artifact.mutable_create_time() = ToTimestamp(row.Time(7));
  artifact.set_removed(row.Int(8) != 0);
  artifact.set_prompt(row.Text(9));
  artifact.set_is_final(row.Int(10) != 0);
  return artifact;
}

void BindValue(Query& query, const SqlValue& value) {
  std::visit([&](const auto& v) { query.Bind(v); }, value);
}

// The value by which a job is ordered.
std::string OrderValue(const SqlOrder& order, const Job& job) {
  if (order.column == "name") return job.spec.name();
  if (order.column == "state") return absl::StrCat(int{job.state});
  if (order.column == "create_time") {
    return absl::StrCat(absl::ToUnixMicros(job.create_time));
  }
  return "";
}

// Adds what says that a row comes after `last` in that order.
absl::Status AddPosition(const SqlOrder& order, const PageKey& last,
                         SqlCondition* condition) {
  const char* than = order.descending ? "<" : ">";
  if (!condition->sql.empty()) absl::StrAppend(&condition->sql, " AND ");
  if (order.column == "id") {
    absl::StrAppend(&condition->sql, "jobs.id ", than, " ?");
    condition->values.emplace_back(last.id);
    return absl::OkStatus();
  }
  SqlValue value = last.value;
  int64_t number = 0;
  if (!order.is_text) {
    if (!absl::SimpleAtoi(last.value, &number)) {
      return MakeError(absl::StatusCode::kInvalidArgument,
                       reasons::kInvalidPageToken,
                       "page_token is not one that this server gave");
    }
    value = number;
  }
  absl::StrAppend(&condition->sql, "(", order.column, ", jobs.id) ", than,
                  " (?, ?)");
  condition->values.push_back(std::move(value));
  condition->values.emplace_back(last.id);
  return absl::OkStatus();
}

std::string ListSql(const SqlCondition& condition, const SqlOrder& order) {
  const char* direction = order.descending ? " DESC" : " ASC";
  std::string sql = absl::StrCat("SELECT ", kJobColumns, " FROM jobs");
  if (!condition.sql.empty()) absl::StrAppend(&sql, " WHERE ", condition.sql);
  absl::StrAppend(&sql, " ORDER BY ");
  if (order.column != "id") {
    absl::StrAppend(&sql, order.column, direction, ", ");
  }
  absl::StrAppend(&sql, "jobs.id", direction, " LIMIT ?");
  return sql;
}

}  // namespace

absl::StatusOr<JobPage> ListJobs(Connection& connection,
                                 const JobQuery& query) {
  ASSIGN_OR_RETURN(const int size, PageSize(query.page_size));
  ASSIGN_OR_RETURN(SqlCondition condition, ParseFilter(query.filter));
  ASSIGN_OR_RETURN(const SqlOrder order, ParseOrder(query.order_by));
  const std::string same =
      absl::StrCat("jobs\n", query.order_by, "\n", query.filter);
  if (!query.page_token.empty()) {
    ASSIGN_OR_RETURN(const PageKey last,
                     ParsePageToken(same, query.page_token));
    RETURN_IF_ERROR(AddPosition(order, last, &condition));
  }
  Query rows(connection, ListSql(condition, order));
  for (const SqlValue& value : condition.values) BindValue(rows, value);
  rows.Bind(size + 1);
  JobPage page;
  while (rows.Step()) {
    if (static_cast<int>(page.jobs.size()) == size) {
      const Job& last = page.jobs.back();
      page.next_page_token =
          MakePageToken(same, {last.id, OrderValue(order, last)});
      break;
    }
    page.jobs.push_back(JobFromRow(rows));
  }
  return page;
}

absl::StatusOr<ArtifactPage> ListArtifacts(Connection& connection,
                                           const ArtifactQuery& query) {
  ASSIGN_OR_RETURN(const int size, PageSize(query.page_size));
  const std::string same =
      absl::StrCat("artifacts\n", query.job, "\n", int{query.kind});
  PageKey last;
  if (!query.page_token.empty()) {
    ASSIGN_OR_RETURN(last, ParsePageToken(same, query.page_token));
  }
  Query job(connection, "SELECT 1 FROM jobs WHERE id = ?");
  job.Bind(query.job);
  if (!job.Step()) return JobNotFound(query.job);
  Query rows(connection,
             absl::StrCat("SELECT ", kArtifactColumns,
                          " FROM artifacts WHERE job_id = ? AND id > ? AND "
                          "(? = 0 OR kind = ?) ORDER BY id LIMIT ?"));
  rows.Bind(query.job, last.id, int{query.kind}, int{query.kind}, size + 1);
  ArtifactPage page;
  while (rows.Step()) {
    if (static_cast<int>(page.artifacts.size()) == size) {
      page.next_page_token = MakePageToken(same, last);
      break;
    }
    page.artifacts.push_back(ArtifactFromRow(rows));
    last.id = rows.Int(0);
  }
  return page;
}

absl::StatusOr<v1::Artifact> ReadArtifact(Connection& connection, JobId job,
                                          const std::string& path) {
  Query row(connection, absl::StrCat("SELECT ", kArtifactColumns,
                                     " FROM artifacts WHERE job_id = ? AND "
                                     "path = ? ORDER BY id DESC LIMIT 1"));
  row.Bind(job, path);
  if (row.Step()) return ArtifactFromRow(row);
  return MakeError(absl::StatusCode::kNotFound, reasons::kArtifactNotFound,
                   absl::StrCat("job ", job, " has no artifact ", path));
}

absl::StatusOr<std::vector<Job>> ReadRunning(Connection& connection) {
  std::vector<Job> jobs;
  Query rows(connection, absl::StrCat("SELECT ", kJobColumns,
                                      " FROM jobs WHERE state IN (?, ?, ?) "
                                      "ORDER BY id"));
  rows.Bind(int{v1::JOB_STATE_STARTING}, int{v1::JOB_STATE_RUNNING},
            int{v1::JOB_STATE_STOPPING});
  while (rows.Step()) jobs.push_back(JobFromRow(rows));
  for (Job& job : jobs) job.attempts = ReadAttempts(connection, job.id);
  return jobs;
}

std::vector<JobCount> ReadCounts(Connection& connection) {
  std::vector<JobCount> counts;
  Query rows(connection,
             "SELECT state, reason, COUNT(*) FROM jobs GROUP BY state, reason");
  while (rows.Step()) {
    counts.push_back({static_cast<v1::JobState>(rows.Int(0)),
                      static_cast<v1::JobReason>(rows.Int(1)), rows.Int(2)});
  }
  return counts;
}

}  // namespace atelier::server
