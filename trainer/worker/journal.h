// The worker's events on disk until the daemon has them: an append-only file
// that outlives the daemon, the network and a kill of the worker itself.
//
//   file    = "ATLJRNL1" record…
//   record  = length (u32, little endian) · CRC-32 of the payload (u32, little
//   endian) · payload payload = serialized atelier.v1.Event with
//   worker_sequence 1, 2, 3 … in order
//
// A record is written with one write(2), so what was appended survives the
// death of the process. A torn last record (power loss, full disk) is dropped
// when the file is opened again.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

#include "atelier/v1/event.pb.h"

namespace atelier::trainer {

// Threads: any.
class Journal {
 public:
  // Opens or makes the file, readable by its owner only.
  // Errors: PERMISSION_DENIED, NOT_FOUND, RESOURCE_EXHAUSTED; DATA_LOSS when it
  // is no journal.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Gives the event the next sequence number, stores it and returns the number.
  // Where the disk refuses it, the event waits in memory and is written with
  // the next one: none is lost while the process lives. Blocks: one write to
  // the page cache.
  int64_t Append(v1::Event event) ABSL_LOCKS_EXCLUDED(mutex_);

  // Errors: NOT_FOUND for a sequence never appended; DATA_LOSS.
  absl::StatusOr<v1::Event> Read(int64_t sequence) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  int64_t last_sequence() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Why the last write failed; OK when everything is on disk.
  absl::Status write_status() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Journal(std::string path, int fd);

  // Finds the records and cuts off what is torn.
  absl::Status Recover() ABSL_LOCKS_EXCLUDED(mutex_);
  void WritePending() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  const int fd_;
  mutable absl::Mutex mutex_;
  // Where record n + 1 starts; one more entry for the end of the file.
  std::vector<uint64_t> offsets_ ABSL_GUARDED_BY(mutex_);
  // Records that are not on disk yet, the oldest first.
  std::deque<std::string> pending_ ABSL_GUARDED_BY(mutex_);
  absl::Status write_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace atelier::trainer
