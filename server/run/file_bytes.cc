#include "server/run/file_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace atelier::server {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

absl::StatusCode CodeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EEXIST:
      return absl::StatusCode::kAlreadyExists;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status FileError(int error, absl::string_view what,
                       const std::string& path) {
  return {CodeOf(error),
          absl::StrCat(what, ": ", path, ": ", std::strerror(error))};
}

absl::StatusOr<std::string> ReadFileBytes(const std::string& path) {
  int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(errno, "cannot read", path);
  std::string bytes(kMaxFileBytes, '\0');
  size_t size = 0;
  ssize_t got = 0;
  while (size < bytes.size() &&
         (got = read(fd, bytes.data() + size, bytes.size() - size)) > 0)
    size += static_cast<size_t>(got);
  int error = got < 0 ? errno : 0;
  close(fd);
  if (error != 0) return FileError(error, "cannot read", path);
  bytes.resize(size);
  return bytes;
}

absl::Status WriteNewFile(const std::string& path, absl::string_view bytes) {
  int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(errno, "cannot write", path);
  ssize_t written = write(fd, bytes.data(), bytes.size());
  if (written >= 0 && static_cast<size_t>(written) < bytes.size())
    errno = ENOSPC;
  bool whole = written == static_cast<ssize_t>(bytes.size()) && fsync(fd) == 0;
  int error = errno;
  close(fd);
  if (whole) return absl::OkStatus();
  unlink(path.c_str());
  return FileError(error, "cannot write", path);
}

}  // namespace atelier::server
