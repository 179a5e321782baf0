// A file on its way: its bytes stand in NAME.part until they are whole, then it
// gets its name at once.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "client/sha256.h"

namespace atelier::client {

class PartFile {
 public:
  // Makes the folder of `path` on demand, and takes up a part that is there.
  // Blocks: reads that part through for its digest.
  // Errors: those of the file system, with the path.
  static absl::StatusOr<PartFile> Open(const std::string& path);
  ~PartFile();
  PartFile(PartFile&& other) noexcept;
  PartFile& operator=(PartFile&&) = delete;

  // Bytes that are there.
  int64_t size() const { return size_; }

  absl::Status Append(absl::string_view bytes);
  // Back to nothing.
  absl::Status Clear();
  // Gives the file its name if its bytes have this SHA-256; else removes it.
  // Blocks: two disk syncs. Errors: DATA_LOSS for another digest.
  absl::Status Finish(const std::string& sha256);

 private:
  explicit PartFile(const std::string& path);
  absl::Status ReadThrough();
  absl::Status Error(absl::string_view what) const;

  std::string path_;
  std::string part_;
  int file_ = -1;
  int64_t size_ = 0;
  Sha256 digest_;
};

// Of a whole file; empty where it cannot be read.
std::string FileSha256(const std::string& path);

}  // namespace atelier::client
