// The bytes of an image file, read at any place: from the file, or from memory
// where they are there already.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::trainer {

// Keeps the first 4 KiB, in which headers usually end, and reads the rest on
// demand. Owns: the open file. Threads: one at a time.
class ImageBytes {
 public:
  // Errors: NOT_FOUND, PERMISSION_DENIED; DATA_LOSS for an empty file. The
  // message does not name the path.
  static absl::StatusOr<ImageBytes> Open(const std::string& path);
  // `bytes` must outlive this.
  explicit ImageBytes(absl::string_view bytes);
  ~ImageBytes();
  ImageBytes(ImageBytes&& other) noexcept;
  ImageBytes& operator=(ImageBytes&&) = delete;

  int64_t size() const { return size_; }
  // At most 4 KiB.
  absl::string_view head() const { return head_; }

  // The bytes at `at`; fewer at the end of the file.
  std::string Read(int64_t at, int64_t count) const;
  // All of them. Errors: DATA_LOSS where the file ends before.
  absl::StatusOr<std::string> ReadWhole(int64_t at, int64_t count) const;

 private:
  ImageBytes() = default;

  int file_ = -1;             // -1: everything is in memory
  absl::string_view memory_;  // where there is no file
  std::string head_;
  int64_t size_ = 0;
};

// What a file is that ends too early.
absl::Status TruncatedImage();

}  // namespace atelier::trainer
