// Reads what a worker printed, by byte offset. The file only grows, so an
// offset means the same for ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "server/streams/file_opening.h"

namespace atelier::server {

class LogReader {
 public:
  // Of the attempt with this run folder; its log may not be there yet.
  explicit LogReader(std::string run_dir);

  // Bytes from `offset` on, at most `max_bytes`; empty: there are none yet.
  // Errors: OUT_OF_RANGE the offset is past the end; INTERNAL.
  absl::StatusOr<std::string> Read(int64_t offset, size_t max_bytes);

 private:
  const std::string run_dir_;
  OpenFile file_;
};

}  // namespace atelier::server
