// Brings a database to the shape that this program knows.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

#include "server/store/connection.h"

namespace atelier::server {

// One numbered SQL file, compiled in.
struct Migration {
  int version;
  absl::string_view name;
  absl::string_view sql;
};

// Of atelier.db (migrations/) and metrics.db (migrations/metrics/), in order
// from 1.
absl::Span<const Migration> StateMigrations();
absl::Span<const Migration> MetricMigrations();

struct MigratorOptions {
  // Marks the file as ours; another value in it is refused.
  int32_t application_id = 0;
  // Called once before a database that has data is changed; an error ends it.
  // May be null.
  std::function<absl::Status(int old_version)> backup;
};

// Applies what is missing, each migration in one transaction with its row in
// schema_migrations (checksum) and the version number. Killed at any point, the
// next call goes on where it stood.
// Errors: FAILED_PRECONDITION: the database is newer than `migrations`, was
// made by other ones, or belongs to another program.
absl::Status Migrate(Connection& connection,
                     absl::Span<const Migration> migrations, absl::Time now,
                     const MigratorOptions& options);

}  // namespace atelier::server
