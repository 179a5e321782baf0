#include "client/download.h"

#include <filesystem>

#include "absl/strings/str_cat.h"

#include "client/part_file.h"
#include "client/resuming_stream.h"
#include "proto/cc/status_macros.h"
#include "proto/cc/wire_status.h"

namespace atelier::client {
namespace {

// A path from the daemon must stay where the user wants it.
bool StaysBelow(const std::string& path) {
  const std::filesystem::path relative(path);
  if (path.empty() || relative.is_absolute()) return false;
  for (const auto& part : relative) {
    if (part == ".." || part == ".") return false;
  }
  return path.find('\0') == path.npos && relative.has_filename();
}

class Fetch {
 public:
  Fetch(int64_t id, const std::string& path, PartFile* part)
      : id_(id), path_(path), part_(part) {}

  absl::Status ReadOnce(Connection& connection, grpc::ClientContext* call,
                        bool* progressed) {
    v1::DownloadArtifactRequest request;
    request.set_id(id_);
    request.set_path(path_);
    request.set_offset(part_->size());
    const auto stream = connection.jobs().DownloadArtifact(call, request);
    v1::DownloadArtifactResponse response;
    while (stream->Read(&response)) {
      *progressed = true;
      if (response.has_header()) {
        sha256_ = response.header().sha256();
      } else if (!response.sha256().empty()) {
        sha256_ = response.sha256();
      }
      const absl::Status written = part_->Append(response.data());
      if (written.ok()) continue;
      call->TryCancel();
      stream->Finish();
      return written;
    }
    return FromGrpcStatus(stream->Finish());
  }

  const std::string& sha256() const { return sha256_; }

 private:
  const int64_t id_;
  const std::string path_;
  PartFile* const part_;
  std::string sha256_;
};

// One file from its part on. DATA_LOSS removes the part.
absl::Status FetchWhole(Connection& connection, int64_t id,
                        const v1::Artifact& artifact, PartFile* part) {
  if (part->size() > artifact.size_bytes()) RETURN_IF_ERROR(part->Clear());
  Fetch fetch(id, artifact.path(), part);
  RETURN_IF_ERROR(RunResuming(
      connection, {}, [&](grpc::ClientContext* call, bool* progressed) {
        return fetch.ReadOnce(connection, call, progressed);
      }));
  return part->Finish(artifact.sha256().empty() ? fetch.sha256()
                                                : artifact.sha256());
}

}  // namespace

absl::StatusOr<Download> DownloadArtifact(Connection& connection, int64_t id,
                                          const v1::Artifact& artifact,
                                          const std::string& folder) {
  if (!StaysBelow(artifact.path())) {
    return absl::PermissionDeniedError(absl::StrCat(
        "artifact path ", artifact.path(), " would leave the download folder"));
  }
  const auto target = std::filesystem::path(folder) / artifact.path();
  Download download{target.lexically_normal().string(), false};
  if (!artifact.sha256().empty() &&
      FileSha256(download.file) == artifact.sha256()) {
    download.was_there = true;
    return download;
  }
  ASSIGN_OR_RETURN(PartFile part, PartFile::Open(download.file));
  const bool had_part = part.size() > 0;
  const absl::Status fetched = FetchWhole(connection, id, artifact, &part);
  const bool is_stale =
      had_part && (fetched.code() == absl::StatusCode::kDataLoss ||
                   fetched.code() == absl::StatusCode::kOutOfRange);
  if (!is_stale) {
    RETURN_IF_ERROR(fetched);
    return download;
  }
  // The part was of another file of that name; from the start, then.
  ASSIGN_OR_RETURN(PartFile fresh, PartFile::Open(download.file));
  RETURN_IF_ERROR(fresh.Clear());
  RETURN_IF_ERROR(FetchWhole(connection, id, artifact, &fresh));
  return download;
}

}  // namespace atelier::client
