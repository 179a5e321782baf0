// What a job has written into its output folder, so that retention takes away
// only the job's own files and a later attempt knows those of the earlier ones.
//
//   <output_dir>/.atelier/manifest.json
//   {"files": [{"path": "a.safetensors", "kind": "checkpoint", "step": 500,
//   "size_bytes": 1,
//               "sha256": "…", "until_next": false}]}
//
// A file is entered once it is whole.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace atelier::trainer {

struct ManifestFile {
  std::string path;  // relative to the output folder
  std::string kind;  // checkpoint, training_state
  int64_t step = 0;
  int64_t size_bytes = 0;
  std::string sha256;
  // A state that was saved because the job was stopped: it goes when the next
  // one is whole.
  bool until_next = false;
};

class Manifest {
 public:
  // Errors: DATA_LOSS when the file is damaged; one that is missing is empty.
  static absl::StatusOr<Manifest> Open(const std::string& output_dir);

  const std::vector<ManifestFile>& files() const { return files_; }
  const ManifestFile* Find(const std::string& path) const;

  // Enters a file, taking the place of one of the same path, and writes the
  // manifest.
  absl::Status Add(ManifestFile file);

  // Removes a file or folder of this job from the disk, if it is entered and as
  // large as it was then. Returns whether it did. Errors: as the system has
  // them, naming the path.
  absl::StatusOr<bool> Remove(const std::string& path);

 private:
  explicit Manifest(std::string output_dir)
      : output_dir_(std::move(output_dir)) {}
  absl::Status Write() const;

  std::string output_dir_;
  std::vector<ManifestFile> files_;
};

}  // namespace atelier::trainer
