#include "server/store/sqlite_access_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/job_state.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/utf8.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxMessageBytes = 1024;
constexpr char kTokenColumns[] =
    "SELECT id, user, scope, note, hash, created_by, create_time, "
    "expire_time, revoke_time FROM tokens ";

AccessToken TokenOf(const Query& row) {
  AccessToken token;
  token.id = row.Int(0);
  token.user = row.Text(1);
  token.scope = static_cast<v1::TokenScope>(row.Int(2));
  token.note = row.Text(3);
  token.hash = row.Text(4);
  token.created_by = row.Text(5);
  token.create_time = row.Time(6);
  token.expire_time = row.Time(7);
  token.revoke_time = row.Time(8);
  return token;
}

std::optional<AccessToken> ReadToken(Connection& connection, int64_t id) {
  Query query(connection, absl::StrCat(kTokenColumns, "WHERE id = ?"));
  query.Bind(id);
  if (!query.Step()) return std::nullopt;
  return TokenOf(query);
}

AuditEntry EntryOf(const Query& row) {
  AuditEntry entry;
  entry.id = row.Int(0);
  entry.time = row.Time(1);
  entry.user = row.Text(2);
  entry.peer = row.Text(3);
  entry.method = row.Text(4);
  entry.job = row.Int(5);
  entry.outcome = row.IsNull(6) ? "" : row.Text(6);
  entry.message = row.Text(7);
  return entry;
}

void AddJobs(v1::JobState state, int64_t count, v1::UserUsage* usage) {
  if (IsTerminal(state))
    usage->set_jobs_ended(usage->jobs_ended() + count);
  else if (state == v1::JOB_STATE_STARTING || state == v1::JOB_STATE_RUNNING ||
           state == v1::JOB_STATE_STOPPING)
    usage->set_jobs_running(usage->jobs_running() + count);
  else
    usage->set_jobs_waiting(usage->jobs_waiting() + count);
}

std::vector<v1::UserUsage> ReadUsage(Connection& connection, absl::Time now) {
  std::map<std::string, v1::UserUsage> users;
  Query counts(connection,
               "SELECT owner, state, COUNT(*) FROM jobs GROUP BY owner, state");
  while (counts.Step())
    AddJobs(static_cast<v1::JobState>(counts.Int(1)), counts.Int(2),
            &users[counts.Text(0)]);
  Query times(connection,
              "SELECT owner, SUM(COALESCE(release_time, ?) - lease_time) "
              "FROM leases JOIN jobs ON jobs.id = leases.job_id "
              "GROUP BY owner");
  times.Bind(now);
  while (times.Step())
    users[times.Text(0)].set_device_seconds(
        static_cast<double>(std::max<int64_t>(0, times.Int(1))) * 1e-6);
  std::vector<v1::UserUsage> result;
  for (auto& [name, usage] : users) {
    usage.set_user(name);
    result.push_back(std::move(usage));
  }
  return result;
}

}  // namespace

absl::StatusOr<AccessToken> SqliteAccessStore::AddToken(
    const AccessToken& token) {
  AccessToken kept = token;
  RETURN_IF_ERROR(writer_.Run([&](WriteTransaction& transaction) {
    Query(transaction.connection(),
          "INSERT INTO tokens (user, scope, note, hash, created_by, "
          "create_time, expire_time) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .Bind(token.user, static_cast<int>(token.scope), token.note, token.hash,
              token.created_by, transaction.now(), token.expire_time)
        .Run();
    kept.id = transaction.connection().last_insert_id();
    kept.create_time = transaction.now();
    return absl::OkStatus();
  }));
  return kept;
}

absl::StatusOr<std::optional<AccessToken>> SqliteAccessStore::FindToken(
    const std::string& hash) const {
  return readers_.Read(
      "cannot look for a token",
      [&](Connection& connection)
          -> absl::StatusOr<std::optional<AccessToken>> {
        Query query(connection, absl::StrCat(kTokenColumns, "WHERE hash = ?"));
        query.Bind(hash);
        if (!query.Step()) return std::optional<AccessToken>();
        return std::optional<AccessToken>(TokenOf(query));
      });
}

absl::StatusOr<std::vector<AccessToken>> SqliteAccessStore::ListTokens(
    const std::string& user) const {
  return readers_.Read(
      "cannot list tokens",
      [&](Connection& connection) -> absl::StatusOr<std::vector<AccessToken>> {
        std::vector<AccessToken> tokens;
        Query query(connection,
                    absl::StrCat(kTokenColumns,
                                 "WHERE ? = '' OR user = ? ORDER BY id DESC"));
        query.Bind(user, user);
        while (query.Step()) tokens.push_back(TokenOf(query));
        return tokens;
      });
}

absl::StatusOr<AccessToken> SqliteAccessStore::RevokeToken(int64_t id) {
  std::optional<AccessToken> token;
  RETURN_IF_ERROR(
      writer_.Run([&](WriteTransaction& transaction) -> absl::Status {
        Connection& connection = transaction.connection();
        Query(connection,
              "UPDATE tokens SET revoke_time = ? "
              "WHERE id = ? AND revoke_time IS NULL")
            .Bind(transaction.now(), id)
            .Run();
        token = ReadToken(connection, id);
        if (token.has_value()) return absl::OkStatus();
        return MakeError(absl::StatusCode::kNotFound, reasons::kTokenNotFound,
                         absl::StrCat("there is no token ", id));
      }));
  return *std::move(token);
}

int64_t SqliteAccessStore::BeginAudit(const AuditEntry& entry) {
  const int64_t id = ++last_audit_;
  writer_.Enqueue(
      [id, entry](WriteTransaction& transaction) {
        Query(transaction.connection(),
              "INSERT INTO audit (id, time, user, peer, method, job_id) "
              "VALUES (?, ?, ?, ?, ?, ?)")
            .Bind(id, transaction.now(), ToUtf8(entry.user), ToUtf8(entry.peer),
                  entry.method, entry.job)
            .Run();
        return absl::OkStatus();
      },
      [](const absl::Status&) {});
  return id;
}

void SqliteAccessStore::EndAudit(const AuditEntry& entry) {
  writer_.Enqueue(
      [entry](WriteTransaction& transaction) {
        Query(transaction.connection(),
              "UPDATE audit SET outcome = ?, message = ?, "
              "job_id = MAX(job_id, ?) WHERE id = ?")
            .Bind(entry.outcome,
                  CutUtf8(ToUtf8(entry.message), kMaxMessageBytes), entry.job,
                  entry.id)
            .Run();
        return absl::OkStatus();
      },
      [](const absl::Status&) {});
}

absl::StatusOr<std::vector<AuditEntry>> SqliteAccessStore::ListAudit(
    const AuditQuery& query) const {
  return readers_.Read(
      "cannot read the audit log",
      [&](Connection& connection) -> absl::StatusOr<std::vector<AuditEntry>> {
        std::vector<AuditEntry> entries;
        Query rows(connection,
                   "SELECT id, time, user, peer, method, job_id, outcome, "
                   "message FROM audit WHERE (? = 0 OR id < ?) AND "
                   "(? = '' OR user = ?) AND (? = 0 OR job_id = ?) "
                   "ORDER BY id DESC LIMIT ?");
        rows.Bind(query.before_id, query.before_id, query.user, query.user,
                  query.job, query.job, query.limit);
        while (rows.Step()) entries.push_back(EntryOf(rows));
        return entries;
      });
}

absl::StatusOr<std::vector<v1::UserUsage>> SqliteAccessStore::ListUsage(
    absl::Time now) const {
  return readers_.Read("cannot read what users use",
                       [&](Connection& connection)
                           -> absl::StatusOr<std::vector<v1::UserUsage>> {
                         return ReadUsage(connection, now);
                       });
}

}  // namespace atelier::server
