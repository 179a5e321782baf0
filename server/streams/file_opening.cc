#include "server/streams/file_opening.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxPathBytes = 4096;

absl::Status CheckPath(const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError("the path is empty");
  if (path.size() > kMaxPathBytes)
    return absl::InvalidArgumentError(absl::StrCat(
        "the path has ", path.size(), " bytes; at most ", kMaxPathBytes));
  if (path.find('\0') != std::string::npos || path[0] == '/')
    return absl::InvalidArgumentError(
        absl::StrCat("the path '", absl::CEscape(path),
                     "' is not relative to the output folder"));
  return absl::OkStatus();
}

absl::Status OpenError(int error, const std::string& path) {
  std::string text =
      absl::StrCat("'", absl::CEscape(path), "': ", std::strerror(error));
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(text);
    case EXDEV:
    case ELOOP:
      return absl::InvalidArgumentError(absl::StrCat(
          "'", absl::CEscape(path), "' leads out of the output folder"));
    default:
      return absl::InternalError(text);
  }
}

absl::Status CheckRegular(int fd, const std::string& path) {
  struct stat info = {};
  if (fstat(fd, &info) != 0) return OpenError(errno, path);
  if (S_ISREG(info.st_mode) && info.st_nlink == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "'", absl::CEscape(path), "' is not a regular file with one name"));
}

}  // namespace

OpenFile::~OpenFile() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<OpenFile> OpenBeneath(const std::string& folder,
                                     const std::string& path) {
  absl::Status checked = CheckPath(path);
  if (!checked.ok()) return checked;
  OpenFile root(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (root.fd() < 0) return OpenError(errno, folder);
  open_how how = {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  OpenFile file(static_cast<int>(
      syscall(SYS_openat2, root.fd(), path.c_str(), &how, sizeof how)));
  if (file.fd() < 0) return OpenError(errno, path);
  absl::Status regular = CheckRegular(file.fd(), path);
  if (!regular.ok()) return regular;
  return file;
}

}  // namespace atelier::server
