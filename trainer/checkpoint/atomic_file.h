// Files and folders that appear whole or not at all.
//
//   .NAME.PID-N.partial   written and synced beside the final name, then
//   renamed over it
//
// A process that dies leaves at most such a partial name; RemovePartials takes
// those away that no living process holds (each is locked by its writer).
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/checkpoint/sha256.h"

namespace atelier::trainer {

struct SavedFile {
  int64_t size_bytes = 0;
  std::string sha256;
};

// One file that is written from front to back. Without Commit nothing is left
// of it.
class AtomicFile {
 public:
  // `expected_bytes`, where known, is reserved at once, so that a disk too
  // small is found before any work. Errors: as FileError, naming `path`;
  // NOT_FOUND also for a missing folder.
  static absl::StatusOr<AtomicFile> Create(const std::string& path,
                                           int64_t expected_bytes = 0);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  ~AtomicFile();

  // Blocks: until the system has taken and a thread has hashed the bytes.
  absl::Status Write(absl::string_view bytes);
  // Blocks: until file and folder are on disk. The object is spent.
  absl::StatusOr<SavedFile> Commit();

 private:
  AtomicFile(std::string path, std::string partial, int fd)
      : path_(std::move(path)), partial_(std::move(partial)), fd_(fd) {}
  absl::Status WriteOut(absl::string_view bytes);
  absl::Status Sync();

  std::string path_;
  std::string partial_;
  int fd_;
  int64_t size_bytes_ = 0;
  Sha256 digest_;
};

// A whole small file: JSON, text, a picture.
absl::StatusOr<SavedFile> WriteFileAtomically(const std::string& path,
                                              absl::string_view contents);
// Errors: as MappedFile::Open.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// A folder that takes the place of `path` at once, with everything that was
// written into it.
class AtomicFolder {
 public:
  static absl::StatusOr<AtomicFolder> Create(const std::string& path);
  AtomicFolder(AtomicFolder&& other) noexcept;
  AtomicFolder& operator=(AtomicFolder&&) = delete;
  ~AtomicFolder();

  // Where to write. Files are expected to be synced already (AtomicFile does).
  const std::string& partial_path() const { return partial_; }
  // A folder that stood at `path` is replaced and removed.
  absl::Status Commit();

 private:
  AtomicFolder(std::string path, std::string partial, int fd)
      : path_(std::move(path)), partial_(std::move(partial)), fd_(fd) {}

  std::string path_;
  std::string partial_;
  int fd_;
};

// Removes what dead writers left in `folder`; returns how many entries.
int RemovePartials(const std::string& folder);

}  // namespace atelier::trainer
