#include "trainer/data/image/image_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kHeadBytes = 4096;

std::string ReadAt(int file, int64_t at, int64_t count) {
  std::string bytes(static_cast<size_t>(count), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = pread(file, bytes.data() + done, bytes.size() - done,
                              static_cast<off_t>(at + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

absl::Status TruncatedImage() {
  return absl::DataLossError("is truncated: its end is missing");
}

absl::StatusOr<ImageBytes> ImageBytes::Open(const std::string& path) {
  ImageBytes bytes;
  // A pipe of an image's name must not stop the scan.
  bytes.file_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (bytes.file_ < 0) return absl::ErrnoToStatus(errno, "cannot be opened");
  struct stat info = {};
  if (fstat(bytes.file_, &info) != 0) {
    return absl::ErrnoToStatus(errno, "cannot be read");
  }
  if (!S_ISREG(info.st_mode)) return absl::DataLossError("is not a file");
  bytes.size_ = info.st_size;
  if (bytes.size_ == 0) return absl::DataLossError("is empty");
  bytes.head_ =
      ReadAt(bytes.file_, 0, std::min<int64_t>(bytes.size_, kHeadBytes));
  return bytes;
}

ImageBytes::ImageBytes(absl::string_view bytes)
    : memory_(bytes),
      head_(bytes.substr(0, kHeadBytes)),
      size_(static_cast<int64_t>(bytes.size())) {}

ImageBytes::~ImageBytes() {
  if (file_ >= 0) close(file_);
}

ImageBytes::ImageBytes(ImageBytes&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      memory_(other.memory_),
      head_(std::move(other.head_)),
      size_(other.size_) {}

std::string ImageBytes::Read(int64_t at, int64_t count) const {
  if (at < 0 || count <= 0 || at >= size_) return "";
  count = std::min(count, size_ - at);
  const auto start = static_cast<size_t>(at);
  const auto length = static_cast<size_t>(count);
  if (start + length <= head_.size()) return head_.substr(start, length);
  if (file_ < 0) return std::string(memory_.substr(start, length));
  return ReadAt(file_, at, count);
}

absl::StatusOr<std::string> ImageBytes::ReadWhole(int64_t at,
                                                  int64_t count) const {
  std::string bytes = Read(at, count);
  if (static_cast<int64_t>(bytes.size()) < count) return TruncatedImage();
  return bytes;
}

}  // namespace atelier::trainer
