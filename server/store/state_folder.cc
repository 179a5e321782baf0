#include "server/store/state_folder.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

// From statfs(2); linux/magic.h does not have them.
constexpr long kCifsMagic = 0xff534d42;
constexpr long kSmb2Magic = 0xfe534d42;
constexpr long kFuseMagic = 0x65735546;

absl::Status CheckFileSystem(const std::string& path) {
  struct statfs info;
  if (statfs(path.c_str(), &info) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot look at ", path));
  }
  const long magic = static_cast<long>(info.f_type) & 0xffffffff;
  for (long network : {long{NFS_SUPER_MAGIC}, long{SMB_SUPER_MAGIC}, kCifsMagic,
                       kSmb2Magic, kFuseMagic}) {
    if (magic != network) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "state_dir ", path,
        " lies on a network or user-space file system, "
        "where SQLite cannot keep its promises; choose a folder on a local "
        "disk, or set allow_network_file_system = true"));
  }
  return absl::OkStatus();
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(path, error);
  if (error) {
    return absl::ErrnoToStatus(error.value(),
                               absl::StrCat("cannot make state_dir ", path));
  }
  if (is_new && chmod(path.c_str(), 0700) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot protect ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<StateFolder>> StateFolder::Take(
    const std::string& path, bool allow_network) {
  RETURN_IF_ERROR(MakeFolder(path));
  if (!allow_network) RETURN_IF_ERROR(CheckFileSystem(path));
  const std::string file = absl::StrCat(path, "/lock");
  const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", file));
  }
  // Owned from here on, so that every way out closes it.
  auto folder = std::unique_ptr<StateFolder>(new StateFolder(lock));
  if (flock(lock, LOCK_EX | LOCK_NB) == 0) return folder;
  if (errno != EWOULDBLOCK) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot lock ", file));
  }
  return absl::FailedPreconditionError(
      absl::StrCat("another atelierd is running with state_dir ", path,
                   "; stop it first, or give this one a folder of its own"));
}

StateFolder::~StateFolder() { close(lock_); }

absl::Status SyncPath(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  const int result = fsync(file);
  const int error = errno;
  close(file);
  if (result == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(error, absl::StrCat("cannot sync ", path));
}

}  // namespace atelier::server
