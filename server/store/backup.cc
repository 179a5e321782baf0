#include "server/store/backup.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "server/store/connection.h"
#include "server/store/state_folder.h"

namespace atelier::server {
namespace {

absl::Status CopyTo(const std::string& database, const std::string& path) {
  ASSIGN_OR_RETURN(auto connection, Connection::OpenReader(database));
  return CatchSql(absl::StrCat("cannot copy ", database, " to ", path), [&] {
    connection->Execute("PRAGMA query_only = OFF");
    Query copy(*connection, "VACUUM INTO ?");
    copy.Bind(path);
    copy.Step();
    return absl::OkStatus();
  });
}

absl::Status Publish(const std::string& temporary, const std::string& path) {
  RETURN_IF_ERROR(SyncPath(temporary));
  RETURN_IF_ERROR(CheckDatabase(temporary));
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot make ", path));
  }
  return SyncPath(std::filesystem::path(path).parent_path().string());
}

}  // namespace

absl::Status BackUpDatabase(const std::string& database,
                            const std::string& path) {
  const std::string temporary = absl::StrCat(path, ".part");
  std::error_code ignored;
  std::filesystem::remove(temporary, ignored);
  absl::Status status = CopyTo(database, temporary);
  if (status.ok()) status = Publish(temporary, path);
  if (!status.ok()) std::filesystem::remove(temporary, ignored);
  return status;
}

absl::Status CheckDatabase(const std::string& database) {
  ASSIGN_OR_RETURN(auto connection, Connection::OpenReader(database));
  return CatchSql(absl::StrCat("cannot check ", database), [&] {
    const std::string found = connection->ReadText("PRAGMA quick_check(1)");
    if (found == "ok") return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(database, " is damaged: ", found, "; restore a backup"));
  });
}

}  // namespace atelier::server
