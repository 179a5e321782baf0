#include "trainer/train/output_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/atomic_file.h"
#include "trainer/job/failure.h"

namespace atelier::trainer {

absl::StatusOr<std::unique_ptr<OutputFolder>> OutputFolder::Open(
    const std::string& path) {
  const std::string own = absl::StrCat(path, "/.atelier");
  std::error_code error;
  std::filesystem::create_directories(own, error);
  if (error) {
    return MarkFailure(
        absl::ErrnoToStatus(error.value(),
                            absl::StrCat("cannot make output_dir ", path)),
        kOutput);
  }
  const std::string lock = absl::StrCat(own, "/lock");
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return MarkFailure(
        absl::ErrnoToStatus(
            errno, absl::StrCat("output_dir ", path, " cannot be written")),
        kOutput);
  }
  std::unique_ptr<OutputFolder> folder(new OutputFolder(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(absl::StrCat(
        "output_dir ", path,
        " is in use by another run; choose another output_dir or wait"));
  }
  RemovePartials(path);
  RemovePartials(absl::StrCat(path, "/sample"));
  RemovePartials(own);
  return folder;
}

OutputFolder::OutputFolder(std::string path, int fd)
    : path_(std::move(path)), fd_(fd) {}

OutputFolder::~OutputFolder() { close(fd_); }

}  // namespace atelier::trainer
