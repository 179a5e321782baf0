#include "trainer/checkpoint/atomic_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <future>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/mapped_file.h"

namespace atelier::trainer {
namespace {

constexpr char kPartialSuffix[] = ".partial";
// From this size on bytes are hashed by a thread while they are written.
constexpr size_t kParallelBytes = 1 << 20;
// What the disk is told to begin with.
constexpr size_t kPieceBytes = 8 << 20;

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

std::string PartialName(const std::string& path) {
  static std::atomic<int> number{0};
  const std::string name = std::filesystem::path(path).filename().string();
  return absl::StrCat(FolderOf(path), "/.", name, ".", getpid(), "-", ++number,
                      kPartialSuffix);
}

absl::Status SyncFolder(const std::string& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FileError(errno, "cannot open folder", folder);
  const int result = fsync(fd);
  const int error = errno;
  close(fd);
  // Some network file systems do not sync folders.
  if (result != 0 && error != EINVAL) {
    return FileError(error, "cannot sync folder", folder);
  }
  return absl::OkStatus();
}

void RemoveAll(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string WithoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// Swaps the new folder into the old one's place; the old one is then under the
// partial name.
absl::Status ReplaceFolder(const std::string& partial,
                           const std::string& path) {
  if (renameat2(AT_FDCWD, partial.c_str(), AT_FDCWD, path.c_str(),
                RENAME_EXCHANGE) == 0) {
    return absl::OkStatus();
  }
  if (errno != EINVAL && errno != ENOSYS) {
    return FileError(errno, "cannot replace", path);
  }
  // File systems without exchange: for a moment neither name exists.
  const std::string old = PartialName(path);
  if (rename(path.c_str(), old.c_str()) != 0) {
    return FileError(errno, "cannot replace", path);
  }
  if (rename(partial.c_str(), path.c_str()) != 0) {
    const int error = errno;
    rename(old.c_str(), path.c_str());
    return FileError(error, "cannot replace", path);
  }
  RemoveAll(old);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AtomicFile> AtomicFile::Create(const std::string& path,
                                              int64_t expected_bytes) {
  const std::string partial = PartialName(path);
  const int fd =
      open(partial.c_str(),
           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (fd < 0) return FileError(errno, "cannot write", path);
  AtomicFile file(path, partial, fd);
  flock(fd, LOCK_EX | LOCK_NB);
  if (expected_bytes > 0 && fallocate(fd, 0, 0, expected_bytes) != 0 &&
      errno != EOPNOTSUPP && errno != EINTR) {
    return FileError(
        errno, absl::StrCat("cannot reserve ", expected_bytes, " bytes for"),
        path);
  }
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::move(other.partial_)),
      fd_(std::exchange(other.fd_, -1)),
      size_bytes_(other.size_bytes_),
      digest_(std::move(other.digest_)) {}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  unlink(partial_.c_str());
  close(fd_);
}

absl::Status AtomicFile::Write(absl::string_view bytes) {
  if (bytes.size() < kParallelBytes) {
    digest_.Update(bytes);
    return WriteOut(bytes);
  }
  std::future<void> digest =
      std::async(std::launch::async, [&] { digest_.Update(bytes); });
  absl::Status written = WriteOut(bytes);
  digest.get();
  return written;
}

absl::Status AtomicFile::WriteOut(absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::string_view piece = bytes.substr(0, kPieceBytes);
    const ssize_t count = write(fd_, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError(errno, "cannot write", path_);
    // The disk begins at once; Sync waits for what is left. A file system that
    // does not take the hint writes it then.
    sync_file_range(fd_, size_bytes_, count, SYNC_FILE_RANGE_WRITE);
    size_bytes_ += count;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status AtomicFile::Sync() {
  // Less than was reserved may have been written.
  if (ftruncate(fd_, size_bytes_) != 0 || fsync(fd_) != 0) {
    return FileError(errno, "cannot write", path_);
  }
  return absl::OkStatus();
}

absl::StatusOr<SavedFile> AtomicFile::Commit() {
  RETURN_IF_ERROR(Sync());
  if (rename(partial_.c_str(), path_.c_str()) != 0) {
    return FileError(errno, "cannot write", path_);
  }
  close(std::exchange(fd_, -1));
  RETURN_IF_ERROR(SyncFolder(FolderOf(path_)));
  return SavedFile{size_bytes_, digest_.Finish()};
}

absl::StatusOr<SavedFile> WriteFileAtomically(const std::string& path,
                                              absl::string_view contents) {
  ASSIGN_OR_RETURN(
      AtomicFile file,
      AtomicFile::Create(path, static_cast<int64_t>(contents.size())));
  RETURN_IF_ERROR(file.Write(contents));
  return file.Commit();
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  return std::string(file->bytes());
}

absl::StatusOr<AtomicFolder> AtomicFolder::Create(const std::string& path) {
  const std::string final_path = WithoutTrailingSlash(path);
  const std::string partial = PartialName(final_path);
  if (mkdir(partial.c_str(), 0777) != 0) {
    return FileError(errno, "cannot make folder", final_path);
  }
  const int fd = open(partial.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const int error = errno;
    rmdir(partial.c_str());
    return FileError(error, "cannot make folder", final_path);
  }
  flock(fd, LOCK_EX | LOCK_NB);
  return AtomicFolder(final_path, partial, fd);
}

AtomicFolder::AtomicFolder(AtomicFolder&& other) noexcept
    : path_(std::move(other.path_)),
      partial_(std::move(other.partial_)),
      fd_(std::exchange(other.fd_, -1)) {}

AtomicFolder::~AtomicFolder() {
  if (fd_ < 0) return;
  RemoveAll(partial_);
  close(fd_);
}

absl::Status AtomicFolder::Commit() {
  RETURN_IF_ERROR(SyncFolder(partial_));
  struct stat info;
  if (lstat(path_.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) {
      return absl::AlreadyExistsError(absl::StrCat(
          path_,
          " exists and is not a folder; move it away or choose another "
          "output name"));
    }
    RETURN_IF_ERROR(ReplaceFolder(partial_, path_));
    RemoveAll(partial_);
  } else if (rename(partial_.c_str(), path_.c_str()) != 0) {
    return FileError(errno, "cannot make folder", path_);
  }
  close(std::exchange(fd_, -1));
  return SyncFolder(FolderOf(path_));
}

int RemovePartials(const std::string& folder) {
  int removed = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!absl::StartsWith(name, ".") || !absl::EndsWith(name, kPartialSuffix)) {
      continue;
    }
    const int fd =
        open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
      RemoveAll(entry.path().string());
      ++removed;
    }
    close(fd);
  }
  return removed;
}

}  // namespace atelier::trainer
