// One connection to an SQLite database, its statements, and the place where
// SQLite's errors become Status.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"

#include "SQLiteCpp/Database.h"
#include "SQLiteCpp/Exception.h"
#include "SQLiteCpp/Statement.h"

namespace atelier::server {

// FULL and I/O errors: RESOURCE_EXHAUSTED, DISK_FULL. Damage: DATA_LOSS.
// A broken constraint: ABORTED. Locked: UNAVAILABLE. Not writable:
// PERMISSION_DENIED. The rest: INTERNAL. `what` begins the message.
absl::Status ToStatus(const SQLite::Exception& error, absl::string_view what);

// Runs a callable that gives a Status or StatusOr; what SQLite throws becomes
// one.
template <typename F>
auto CatchSql(absl::string_view what, F&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const SQLite::Exception& error) {
    return ToStatus(error, what);
  }
}

// Bytes, for Query::Bind.
struct Blob {
  std::string bytes;
};
// The deterministic bytes of a message.
Blob ToBlob(const google::protobuf::MessageLite& message);

// Infinite past is NULL.
std::optional<int64_t> ToMicros(absl::Time time);

enum class Durability {
  // Every commit is synced.
  kFull,
  // A power cut may take the newest commits; a crash of the process does not.
  kNormal,
};

// Threads: one at a time. SQLite throws SQLite::Exception from every method
// but Open: call them within CatchSql.
class Connection {
 public:
  // Opens for writing, makes the file where it is not there, and sets and reads
  // back the pragmas.
  // Errors: FAILED_PRECONDITION where WAL cannot be had, those of ToStatus.
  static absl::StatusOr<std::unique_ptr<Connection>> OpenWriter(
      const std::string& path, Durability durability);
  // Opens an existing database for reading.
  static absl::StatusOr<std::unique_ptr<Connection>> OpenReader(
      const std::string& path);

  void Execute(const std::string& sql) { database_.exec(sql); }
  // The first column of the first row.
  int64_t ReadInt(const std::string& sql);
  std::string ReadText(const std::string& sql);
  int64_t changes() const { return database_.getChanges(); }
  int64_t last_insert_id() const { return database_.getLastInsertRowid(); }
  // No transaction is open.
  bool is_idle() const;

 private:
  friend class Query;
  Connection(const std::string& path, int flags);
  absl::Status SetPragmas(Durability durability);

  SQLite::Database database_;
  // Prepared once, by their text. Null while a Query has it.
  std::map<std::string, std::unique_ptr<SQLite::Statement>> statements_;
};

// One run of a statement; values are only ever bound.
class Query {
 public:
  Query(Connection& connection, const std::string& sql);
  ~Query();
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  // The next parameters, in order.
  template <typename... Values>
  Query& Bind(const Values&... values) {
    (BindOne(values), ...);
    return *this;
  }

  // The next row; false: no more.
  bool Step() { return statement_->executeStep(); }
  // For statements without rows; gives the number of rows changed.
  int Run() { return statement_->exec(); }

  int64_t Int(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  bool IsNull(int column) const;
  // NULL is the infinite past.
  absl::Time Time(int column) const;

 private:
  void BindOne(int64_t value) { statement_->bind(++bound_, value); }
  void BindOne(int value) { statement_->bind(++bound_, value); }
  void BindOne(bool value) { statement_->bind(++bound_, value ? 1 : 0); }
  void BindOne(double value) { statement_->bind(++bound_, value); }
  void BindOne(const std::string& value) { statement_->bind(++bound_, value); }
  void BindOne(const Blob& value);
  void BindOne(const std::optional<int64_t>& value);
  void BindOne(const std::optional<int>& value);
  void BindOne(absl::Time time) { BindOne(ToMicros(time)); }

  Connection& connection_;
  const std::string sql_;
  std::unique_ptr<SQLite::Statement> statement_;
  int bound_ = 0;
};

}  // namespace atelier::server
