#include "server/store/connection.h"

#include <sqlite3.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

#include "SQLiteCpp/Column.h"
#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

constexpr int kBusyTimeoutMs = 5000;

absl::StatusCode CodeOf(int sqlite_code) {
  switch (sqlite_code) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_CONSTRAINT:
      return absl::StatusCode::kAborted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status ToStatus(const SQLite::Exception& error, absl::string_view what) {
  const int code = error.getErrorCode() & 0xff;
  const std::string text = absl::StrCat(what, ": ", error.what(), " (SQLite ",
                                        error.getExtendedErrorCode(), ")");
  if (code == SQLITE_FULL || code == SQLITE_IOERR) {
    return MakeError(
        absl::StatusCode::kResourceExhausted, reasons::kDiskFull,
        absl::StrCat(text,
                     "; nothing was changed, make room in the daemon's "
                     "state folder"));
  }
  return absl::Status(CodeOf(code), text);
}

Blob ToBlob(const google::protobuf::MessageLite& message) {
  Blob blob;
  google::protobuf::io::StringOutputStream stream(&blob.bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return blob;
}

std::optional<int64_t> ToMicros(absl::Time time) {
  if (time == absl::InfinitePast()) return std::nullopt;
  return absl::ToUnixMicros(time);
}

Connection::Connection(const std::string& path, int flags)
    : database_(path, flags, kBusyTimeoutMs) {}

absl::StatusOr<std::unique_ptr<Connection>> Connection::OpenWriter(
    const std::string& path, Durability durability) {
  using Opened = absl::StatusOr<std::unique_ptr<Connection>>;
  return CatchSql(absl::StrCat("cannot open ", path), [&]() -> Opened {
    auto connection = std::unique_ptr<Connection>(
        new Connection(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE));
    RETURN_IF_ERROR(connection->SetPragmas(durability));
    return connection;
  });
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::OpenReader(
    const std::string& path) {
  using Opened = absl::StatusOr<std::unique_ptr<Connection>>;
  return CatchSql(absl::StrCat("cannot open ", path), [&]() -> Opened {
    auto connection = std::unique_ptr<Connection>(
        new Connection(path, SQLite::OPEN_READONLY));
    connection->Execute("PRAGMA trusted_schema = OFF");
    connection->Execute("PRAGMA query_only = ON");
    return connection;
  });
}

absl::Status Connection::SetPragmas(Durability durability) {
  const std::string sync = durability == Durability::kFull ? "2" : "1";
  const std::pair<std::string, std::string> pragmas[] = {
      {"journal_mode", "wal"},    {"synchronous", sync},
      {"foreign_keys", "1"},      {"trusted_schema", "0"},
      {"cell_size_check", "1"},   {"journal_size_limit", "67108864"},
      {"recursive_triggers", "1"}};
  for (const auto& [name, value] : pragmas) {
    Execute(absl::StrCat("PRAGMA ", name, " = ", value));
    const std::string is = ReadText(absl::StrCat("PRAGMA ", name));
    if (absl::AsciiStrToLower(is) == value) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "SQLite keeps ", name, " at ", is, " instead of ", value, " for ",
        database_.getFilename(), "; the state folder must be on a local disk"));
  }
  return absl::OkStatus();
}

int64_t Connection::ReadInt(const std::string& sql) {
  return database_.execAndGet(sql).getInt64();
}

std::string Connection::ReadText(const std::string& sql) {
  return database_.execAndGet(sql).getString();
}

bool Connection::is_idle() const {
  return sqlite3_get_autocommit(database_.getHandle()) != 0;
}

Query::Query(Connection& connection, const std::string& sql)
    : connection_(connection), sql_(sql) {
  auto& kept = connection_.statements_[sql_];
  statement_ = kept != nullptr ? std::move(kept)
                               : std::make_unique<SQLite::Statement>(
                                     connection_.database_, sql_);
}

Query::~Query() {
  // A statement that is not reset would hold its transaction open. The result
  // only repeats what Step has thrown. Bindings need no clearing: every use
  // binds all of them.
  statement_->tryReset();
  connection_.statements_[sql_] = std::move(statement_);
}

int64_t Query::Int(int column) const {
  return statement_->getColumn(column).getInt64();
}

double Query::Real(int column) const {
  return statement_->getColumn(column).getDouble();
}

std::string Query::Text(int column) const {
  return statement_->getColumn(column).getString();
}

bool Query::IsNull(int column) const {
  return statement_->getColumn(column).isNull();
}

absl::Time Query::Time(int column) const {
  return IsNull(column) ? absl::InfinitePast()
                        : absl::FromUnixMicros(Int(column));
}

void Query::BindOne(const Blob& value) {
  // SQLite takes a null pointer for NULL.
  const char* bytes = value.bytes.empty() ? "" : value.bytes.data();
  statement_->bind(++bound_, static_cast<const void*>(bytes),
                   static_cast<int>(value.bytes.size()));
}

void Query::BindOne(const std::optional<int64_t>& value) {
  if (value.has_value()) return BindOne(*value);
  statement_->bind(++bound_);
}

void Query::BindOne(const std::optional<int>& value) {
  if (value.has_value()) return BindOne(*value);
  statement_->bind(++bound_);
}

}  // namespace atelier::server
