#include "trainer/scalars/append_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

namespace atelier::trainer {

absl::StatusOr<AppendFile> AppendFile::Open(const std::string& path) {
  const int fd =
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  }
  struct stat info = {};
  const bool is_new = fstat(fd, &info) == 0 && info.st_size == 0;
  return AppendFile(path, fd, is_new);
}

AppendFile::AppendFile(AppendFile&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      is_new_(other.is_new_) {}

AppendFile::~AppendFile() {
  if (fd_ >= 0) close(fd_);
}

absl::Status AppendFile::Failed(absl::string_view what) const {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot ", what, " ", path_));
}

absl::Status AppendFile::Append(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status AppendFile::KeepLines(
    const std::function<bool(absl::string_view)>& keeps) {
  std::ifstream file(path_, std::ios::binary);
  int64_t kept_bytes = 0;
  std::string line;
  // A last line without an end was cut by a crash.
  while (std::getline(file, line) && !file.eof() && keeps(line)) {
    kept_bytes += static_cast<int64_t>(line.size()) + 1;
  }
  if (ftruncate(fd_, kept_bytes) != 0) return Failed("cut back");
  is_new_ = kept_bytes == 0;
  return absl::OkStatus();
}

}  // namespace atelier::trainer
