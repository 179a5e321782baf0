// Opens files that users name, without leaving the folder that they belong to.
#pragma once

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace atelier::server {

// A file descriptor that is closed with its owner.
class OpenFile {
 public:
  OpenFile() = default;
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OpenFile& operator=(OpenFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OpenFile();

  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

// Opens a regular file below `folder` for reading. `path` is relative; neither
// `..` nor a symbolic link leads out of the folder, and nothing but a regular
// file with one name (link) is opened.
// Errors: NOT_FOUND it is not there; INVALID_ARGUMENT the path is not one, or
// leads out; FAILED_PRECONDITION it is no regular file; INTERNAL otherwise.
absl::StatusOr<OpenFile> OpenBeneath(const std::string& folder,
                                     const std::string& path);

}  // namespace atelier::server
