// The job's output folder, held by one worker at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace atelier::trainer {

// Owns: the lock on `<path>/.atelier/lock`, until it is destroyed or the
// process dies.
class OutputFolder {
 public:
  // Makes the folder where it is missing, takes the lock and clears away what
  // dead writers left. Errors: PERMISSION_DENIED and the like naming the
  // folder; UNAVAILABLE when another process holds it.
  static absl::StatusOr<std::unique_ptr<OutputFolder>> Open(
      const std::string& path);
  ~OutputFolder();
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;

  const std::string& path() const { return path_; }

 private:
  OutputFolder(std::string path, int fd);

  std::string path_;
  int fd_;
};

}  // namespace atelier::trainer
