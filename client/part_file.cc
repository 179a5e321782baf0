#include "client/part_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::client {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 18;

// Makes a rename lasting.
void SyncFolder(const std::filesystem::path& folder) {
  const int descriptor =
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);
  close(descriptor);
}

}  // namespace

PartFile::PartFile(const std::string& path)
    : path_(path), part_(absl::StrCat(path, ".part")) {}

PartFile::PartFile(PartFile&& other) noexcept
    : path_(std::move(other.path_)),
      part_(std::move(other.part_)),
      file_(std::exchange(other.file_, -1)),
      size_(other.size_),
      digest_(std::move(other.digest_)) {}

PartFile::~PartFile() {
  if (file_ >= 0) close(file_);
}

absl::Status PartFile::Error(absl::string_view what) const {
  const int error = errno;
  const absl::StatusCode code = error == ENOSPC || error == EDQUOT
                                    ? absl::StatusCode::kResourceExhausted
                                    : absl::StatusCode::kUnknown;
  return absl::Status(code,
                      absl::StrCat(what, " ", part_, ": ", strerror(error)));
}

absl::StatusOr<PartFile> PartFile::Open(const std::string& path) {
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return absl::UnknownError(absl::StrCat(
        "cannot make folder ", folder.string(), ": ", error.message()));
  }
  PartFile part(path);
  part.file_ = open(part.part_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (part.file_ < 0) return part.Error("cannot open");
  RETURN_IF_ERROR(part.ReadThrough());
  return part;
}

absl::Status PartFile::ReadThrough() {
  std::string buffer(kBufferBytes, '\0');
  while (true) {
    const ssize_t count = read(file_, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error("cannot read");
    if (count == 0) return absl::OkStatus();
    digest_.Add(absl::string_view(buffer.data(), static_cast<size_t>(count)));
    size_ += count;
  }
}

absl::Status PartFile::Append(absl::string_view bytes) {
  digest_.Add(bytes);
  size_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t count = write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error("cannot write");
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status PartFile::Clear() {
  if (ftruncate(file_, 0) != 0 || lseek(file_, 0, SEEK_SET) != 0) {
    return Error("cannot clear");
  }
  size_ = 0;
  digest_ = Sha256();
  return absl::OkStatus();
}

absl::Status PartFile::Finish(const std::string& sha256) {
  const std::string found = digest_.Finish();
  if (found != sha256) {
    unlink(part_.c_str());
    return absl::DataLossError(
        absl::StrCat("the bytes for ", path_, " have SHA-256 ", found,
                     "; must be ", sha256, "; try again"));
  }
  if (fsync(file_) != 0) return Error("cannot sync");
  if (rename(part_.c_str(), path_.c_str()) != 0) return Error("cannot rename");
  SyncFolder(std::filesystem::path(path_).parent_path());
  return absl::OkStatus();
}

std::string FileSha256(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return "";
  Sha256 digest;
  std::string buffer(kBufferBytes, '\0');
  while (stream) {
    stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    digest.Add(
        absl::string_view(buffer.data(), static_cast<size_t>(stream.gcount())));
  }
  return digest.Finish();
}

}  // namespace atelier::client
