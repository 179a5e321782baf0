#include "server/store/migrator.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "server/jobs/attempt_token.h"

namespace atelier::server {
namespace {

absl::Status CheckOwner(Connection& connection, int32_t application_id) {
  const int64_t is = connection.ReadInt("PRAGMA application_id");
  if (is == application_id) return absl::OkStatus();
  const bool is_empty =
      connection.ReadInt("SELECT COUNT(*) FROM sqlite_schema") == 0;
  if (is != 0 || !is_empty) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the database belongs to another program (application id ", is,
        ", ours is ", application_id, "); choose another state_dir"));
  }
  connection.Execute(absl::StrCat("PRAGMA application_id = ", application_id));
  return absl::OkStatus();
}

absl::Status CheckApplied(Connection& connection,
                          absl::Span<const Migration> migrations) {
  Query applied(connection,
                "SELECT version, sha256 FROM schema_migrations "
                "ORDER BY version");
  while (applied.Step()) {
    const auto index = static_cast<size_t>(applied.Int(0) - 1);
    if (index < migrations.size() &&
        applied.Text(1) == Sha256Hex(migrations[index].sql)) {
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("migration ", applied.Int(0),
                     " of the database is not the one that "
                     "this program has; it was made by a changed atelierd"));
  }
  return absl::OkStatus();
}

absl::Status Apply(Connection& connection, const Migration& migration,
                   absl::Time now) {
  connection.Execute("BEGIN IMMEDIATE");
  absl::Status status = CatchSql(
      absl::StrCat("migration ", migration.version, " (", migration.name, ")"),
      [&] {
        connection.Execute(std::string(migration.sql));
        Query(connection, "INSERT INTO schema_migrations VALUES (?, ?, ?, ?)")
            .Bind(migration.version, std::string(migration.name),
                  Sha256Hex(migration.sql), now)
            .Run();
        connection.Execute(
            absl::StrCat("PRAGMA user_version = ", migration.version));
        connection.Execute("COMMIT");
        return absl::OkStatus();
      });
  if (!status.ok() && !connection.is_idle()) connection.Execute("ROLLBACK");
  return status;
}

}  // namespace

absl::Status Migrate(Connection& connection,
                     absl::Span<const Migration> migrations, absl::Time now,
                     const MigratorOptions& options) {
  return CatchSql("cannot migrate the database", [&]() -> absl::Status {
    RETURN_IF_ERROR(CheckOwner(connection, options.application_id));
    const auto version =
        static_cast<int>(connection.ReadInt("PRAGMA user_version"));
    const int newest = static_cast<int>(migrations.size());
    if (version > newest) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the database has schema ", version, ", this program knows ", newest,
          " and older; run the newer atelierd, or restore a backup"));
    }
    connection.Execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER "
        "PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, "
        "time INTEGER NOT NULL) STRICT");
    RETURN_IF_ERROR(CheckApplied(connection, migrations));
    if (version > 0 && version < newest && options.backup) {
      RETURN_IF_ERROR(options.backup(version));
    }
    for (const Migration& migration :
         migrations.subspan(static_cast<size_t>(version))) {
      RETURN_IF_ERROR(Apply(connection, migration, now));
    }
    return absl::OkStatus();
  });
}

}  // namespace atelier::server
