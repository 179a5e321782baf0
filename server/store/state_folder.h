// The folder that holds the daemon's state, held by one daemon at a time.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace atelier::server {

// Holds the instance lock (an flock on STATE_DIR/lock, a file of its own: a
// second descriptor on a database file would drop SQLite's locks when closed).
class StateFolder {
 public:
  // Makes the folder (0700) where it is not there and takes the lock.
  // Errors: FAILED_PRECONDITION: another daemon has it, or it lies on a network
  // file system and `allow_network` is not set; PERMISSION_DENIED or
  // RESOURCE_EXHAUSTED where it cannot be made or written.
  static absl::StatusOr<std::unique_ptr<StateFolder>> Take(
      const std::string& path, bool allow_network);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

 private:
  explicit StateFolder(int lock) : lock_(lock) {}

  const int lock_;
};

// Syncs a file or folder by its path.
absl::Status SyncPath(const std::string& path);

}  // namespace atelier::server
