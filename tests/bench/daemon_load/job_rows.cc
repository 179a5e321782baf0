#include "tests/bench/daemon_load/job_rows.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "SQLiteCpp/SQLiteCpp.h"
#include "tests/bench/daemon_load/load_daemon.h"

namespace atelier::bench {
namespace {

// What row i has where it differs from the row that it is made like. A waiting
// job is 1, one that succeeded 6 (job_state.proto).
std::string ValueOf(const std::string& column) {
  if (column == "uid") return "'load-' || i";
  if (column == "name") return "'job ' || i";
  if (column == "state") return "CASE WHEN i % 10 = 0 THEN 1 ELSE 6 END";
  if (column == "create_time") return "create_time - 100000000000 + i";
  if (column == "end_time")
    return "CASE WHEN i % 10 = 0 THEN NULL ELSE create_time END";
  if (column == "output_dir") return "output_dir || i";
  return column;
}

void AddRows(SQLite::Database& database, int64_t like, int64_t count) {
  std::vector<std::string> columns, values;
  SQLite::Statement names(database,
                          "SELECT name FROM pragma_table_info('jobs')");
  while (names.executeStep()) {
    const std::string name = names.getColumn(0).getString();
    if (name == "id") continue;
    columns.push_back(name);
    values.push_back(ValueOf(name));
  }
  // Not read while it is written to: that would copy all rows once more.
  database.exec(absl::StrCat(
      "CREATE TEMP TABLE one AS SELECT * FROM main.jobs WHERE id = ", like));
  SQLite::Statement insert(
      database,
      absl::StrCat("INSERT INTO main.jobs (", absl::StrJoin(columns, ", "),
                   ") WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                   "FROM n WHERE i < ?) SELECT ",
                   absl::StrJoin(values, ", "), " FROM n, temp.one"));
  insert.bind(1, count);
  insert.exec();
  SQLite::Statement events(
      database,
      "INSERT INTO events (job_id, sequence, attempt, worker_sequence, body) "
      "SELECT jobs.id, 1, 0, 0, e.body FROM jobs, (SELECT body FROM events "
      "WHERE job_id = ? AND sequence = 1) AS e WHERE jobs.uid LIKE 'load-%'");
  events.bind(1, like);
  events.exec();
}

}  // namespace

void AddJobRows(const std::string& path, int64_t like, int64_t count) {
  try {
    SQLite::Database database(path, SQLite::OPEN_READWRITE);
    // Nobody asks for these rows after a power cut.
    database.exec("PRAGMA synchronous = OFF");
    database.exec("PRAGMA cache_size = -262144");
    SQLite::Transaction transaction(database);
    AddRows(database, like, count);
    transaction.commit();
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (const SQLite::Exception& error) {
    Fail(absl::StrCat(path, ": ", error.what()));
  }
}

}  // namespace atelier::bench
