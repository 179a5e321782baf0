#include "server/streams/log_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

absl::Status PastEnd(int64_t offset, int64_t size) {
  return MakeError(
      absl::StatusCode::kOutOfRange, reasons::kOffsetPastEnd,
      absl::StrCat("offset is ", offset, "; the log has ", size, " bytes"));
}

}  // namespace

LogReader::LogReader(std::string run_dir) : run_dir_(std::move(run_dir)) {}

absl::StatusOr<std::string> LogReader::Read(int64_t offset, size_t max_bytes) {
  if (file_.fd() < 0) {
    absl::StatusOr<OpenFile> file = OpenBeneath(run_dir_, "worker.log");
    if (absl::IsNotFound(file.status())) {
      if (offset > 0) return PastEnd(offset, 0);
      return std::string();
    }
    if (!file.ok()) return AddLocation(std::move(file).status());
    file_ = *std::move(file);
  }
  struct stat info = {};
  if (fstat(file_.fd(), &info) != 0)
    return absl::InternalError(
        absl::StrCat("cannot size the log: ", std::strerror(errno)));
  if (offset > info.st_size) return PastEnd(offset, info.st_size);
  std::string bytes(
      std::min(max_bytes, static_cast<size_t>(info.st_size - offset)), '\0');
  ssize_t got = pread(file_.fd(), bytes.data(), bytes.size(), offset);
  if (got < 0)
    return absl::InternalError(
        absl::StrCat("cannot read the log: ", std::strerror(errno)));
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

}  // namespace atelier::server
