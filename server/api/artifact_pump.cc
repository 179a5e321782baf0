#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/status_macros.h"
#include "server/api/job_pumps.h"
#include "server/streams/artifact_reader.h"

namespace atelier::server {
namespace {

constexpr size_t kArtifactChunkBytes = 256 << 10;

class ArtifactPump : public Pump<v1::DownloadArtifactResponse> {
 public:
  ArtifactPump(std::unique_ptr<ArtifactReader> reader, v1::Artifact artifact,
               int64_t offset)
      : reader_(std::move(reader)),
        artifact_(std::move(artifact)),
        offset_(offset) {}

  Pumped<v1::DownloadArtifactResponse> Next(bool) override {
    Pumped<v1::DownloadArtifactResponse> result;
    absl::Status status = has_begun_ ? AddChunk(result) : Begin(result);
    if (!status.ok()) result.end = std::move(status);
    return result;
  }

 private:
  absl::Status Begin(Pumped<v1::DownloadArtifactResponse>& result) {
    has_begun_ = true;
    RETURN_IF_ERROR(reader_->SkipTo(offset_));
    auto* header = result.messages.emplace_back().mutable_header();
    header->set_size_bytes(reader_->size_bytes());
    header->set_sha256(artifact_.sha256());
    return absl::OkStatus();
  }

  absl::Status AddChunk(Pumped<v1::DownloadArtifactResponse>& result) {
    ASSIGN_OR_RETURN(std::string bytes, reader_->Read(kArtifactChunkBytes));
    if (!bytes.empty()) {
      result.messages.emplace_back().set_data(std::move(bytes));
      return absl::OkStatus();
    }
    std::string sha256 = reader_->Sha256();
    if (!artifact_.sha256().empty() && artifact_.sha256() != sha256)
      return absl::DataLossError(absl::StrCat(artifact_.path(), " has SHA-256 ",
                                              sha256, "; it was saved with ",
                                              artifact_.sha256()));
    result.messages.emplace_back().set_sha256(sha256);
    result.end = absl::OkStatus();
    return absl::OkStatus();
  }

  const std::unique_ptr<ArtifactReader> reader_;
  const v1::Artifact artifact_;
  const int64_t offset_;
  bool has_begun_ = false;
};

absl::Status Gone(const v1::Artifact& artifact) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   reasons::kArtifactGone,
                   absl::StrCat(artifact.path(), " was removed"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Pump<v1::DownloadArtifactResponse>>>
MakeArtifactPump(const JobStore& store,
                 const v1::DownloadArtifactRequest& request) {
  ASSIGN_OR_RETURN(Job job, store.ReadJob(request.id()));
  ASSIGN_OR_RETURN(v1::Artifact artifact,
                   store.ReadArtifact(request.id(), request.path()));
  if (artifact.removed()) return Gone(artifact);
  auto reader = ArtifactReader::Open(job.output_dir, artifact.path());
  if (absl::IsNotFound(reader.status())) return Gone(artifact);
  if (!reader.ok()) return AddLocation(std::move(reader).status());
  return std::make_unique<ArtifactPump>(*std::move(reader), artifact,
                                        request.offset());
}

}  // namespace atelier::server
