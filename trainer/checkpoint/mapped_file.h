// A file in memory. The mapping is private: writing to it changes no file.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::trainer {

// Threads: any. The file must not shrink while it is mapped: reading what is
// gone ends the process.
class MappedFile {
 public:
  // Errors: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT for what is not a
  // regular file, each naming the path. An empty file maps to no bytes.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(
      const std::string& path);

  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  absl::string_view bytes() const { return {data_, size_}; }

  // Lower-case hexadecimal SHA-256 of what is in the file, read anew a piece at
  // a time: the mapping's pages need not be in memory and may have been written
  // to. Errors: UNAVAILABLE naming the path.
  absl::StatusOr<std::string> Digest() const;

 private:
  MappedFile(std::string path, int fd, const char* data, size_t size)
      : path_(std::move(path)), fd_(fd), data_(data), size_(size) {}

  std::string path_;
  int fd_;
  const char* data_;
  size_t size_;
};

// `what path: reason` with the code that fits errno: NOT_FOUND,
// PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk or quota full, out of memory),
// else UNAVAILABLE.
absl::Status FileError(int error_number, const std::string& what,
                       const std::string& path);

}  // namespace atelier::trainer
