#include "server/streams/artifact_reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"

namespace atelier::server {
namespace {

constexpr int64_t kSkipBytes = 1 << 20;

}  // namespace

ArtifactReader::ArtifactReader(OpenFile file, int64_t size_bytes)
    : file_(std::move(file)),
      size_bytes_(size_bytes),
      digest_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(digest_.get(), EVP_sha256(), nullptr);
}

absl::StatusOr<std::unique_ptr<ArtifactReader>> ArtifactReader::Open(
    const std::string& output_dir, const std::string& path) {
  ASSIGN_OR_RETURN(OpenFile file, OpenBeneath(output_dir, path));
  struct stat info = {};
  if (fstat(file.fd(), &info) != 0)
    return absl::InternalError(
        absl::StrCat("cannot size ", path, ": ", std::strerror(errno)));
  return std::unique_ptr<ArtifactReader>(
      new ArtifactReader(std::move(file), info.st_size));
}

absl::Status ArtifactReader::SkipTo(int64_t offset) {
  if (offset < 0 || offset > size_bytes_)
    return MakeError(absl::StatusCode::kOutOfRange, reasons::kOffsetPastEnd,
                     absl::StrCat("offset is ", offset, "; the file has ",
                                  size_bytes_, " bytes"));
  while (position_ < offset)
    RETURN_IF_ERROR(
        Read(static_cast<size_t>(std::min(kSkipBytes, offset - position_)))
            .status());
  return absl::OkStatus();
}

absl::StatusOr<std::string> ArtifactReader::Read(size_t max_bytes) {
  auto left = static_cast<size_t>(size_bytes_ - position_);
  std::string bytes(std::min(max_bytes, left), '\0');
  ssize_t got = 0;
  do {
    got = pread(file_.fd(), bytes.data(), bytes.size(), position_);
  } while (got < 0 && errno == EINTR);
  if (got < 0)
    return absl::InternalError(
        absl::StrCat("cannot read the file: ", std::strerror(errno)));
  if (got == 0 && !bytes.empty())
    return absl::DataLossError(
        absl::StrCat("the file ends at byte ", position_, " of ", size_bytes_));
  bytes.resize(static_cast<size_t>(got));
  position_ += got;
  EVP_DigestUpdate(digest_.get(), bytes.data(), bytes.size());
  return bytes;
}

std::string ArtifactReader::Sha256() {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(digest_.get(), hash, &size);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(hash), size));
}

}  // namespace atelier::server
