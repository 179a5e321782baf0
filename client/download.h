// Fetching a job's files: resumable, checked, whole or not at all.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "atelier/v1/artifact.pb.h"
#include "client/connection.h"

namespace atelier::client {

struct Download {
  // Where it is, absolute.
  std::string file;
  // It was there before, with the right digest.
  bool was_there = false;
};

// Fetches an artifact to its relative path below `folder` (absolute). What an
// earlier download left in NAME.part is not fetched again; a broken line is
// taken up where it broke.
// Blocks: until the file is synced.
// Errors: those of the call; DATA_LOSS for bytes with another digest;
// RESOURCE_EXHAUSTED for a full disk; PERMISSION_DENIED for a path that would
// leave the folder.
absl::StatusOr<Download> DownloadArtifact(Connection& connection, int64_t id,
                                          const v1::Artifact& artifact,
                                          const std::string& folder);

}  // namespace atelier::client
