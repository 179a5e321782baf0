#include "trainer/checkpoint/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {
namespace {

absl::StatusCode CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return absl::StatusCode::kNotFound;
    case EACCES:
    case EPERM:
    case EROFS:
      return absl::StatusCode::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return absl::StatusCode::kResourceExhausted;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

absl::Status FileError(int error_number, const std::string& what,
                       const std::string& path) {
  return absl::Status(
      CodeOfErrno(error_number),
      absl::StrCat(what, " ", path, ": ", std::strerror(error_number)));
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(
    const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(errno, "cannot open", path);
  struct stat info;
  if (fstat(fd, &info) != 0) {
    const int error = errno;
    close(fd);
    return FileError(error, "cannot read", path);
  }
  if (!S_ISREG(info.st_mode)) {
    close(fd);
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is ", S_ISDIR(info.st_mode) ? "a folder" : "not",
                     S_ISDIR(info.st_mode) ? ", not a file" : " a file"));
  }
  const size_t size = static_cast<size_t>(info.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_NORESERVE, fd, 0);
  }
  if (data == MAP_FAILED) {
    const int error = errno;
    close(fd);
    return FileError(error, "cannot map", path);
  }
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, fd, static_cast<const char*>(data), size));
}

MappedFile::~MappedFile() {
  if (size_ > 0) munmap(const_cast<char*>(data_), size_);
  close(fd_);
}

absl::StatusOr<std::string> MappedFile::Digest() const {
  constexpr size_t kReadBytes = 1 << 20;
  Sha256 digest;
  std::vector<char> piece(std::min(size_, kReadBytes));
  size_t done = 0;
  while (done < size_) {
    const ssize_t count =
        pread(fd_, piece.data(), piece.size(), static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError(errno, "cannot read", path_);
    if (count == 0) {
      return absl::UnavailableError(absl::StrCat(
          path_, " shrank from ", size_, " to ", done,
          " bytes while it was in use; do not change it while a job runs"));
    }
    digest.Update({piece.data(), static_cast<size_t>(count)});
    done += static_cast<size_t>(count);
  }
  return digest.Finish();
}

}  // namespace atelier::trainer
