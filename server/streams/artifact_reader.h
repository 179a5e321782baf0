// Reads an artifact from an offset on, and digests all of it on the way.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/streams/file_opening.h"

namespace atelier::server {

class ArtifactReader {
 public:
  // Opens `path` below a job's output folder.
  // Errors: those of OpenBeneath.
  static absl::StatusOr<std::unique_ptr<ArtifactReader>> Open(
      const std::string& output_dir, const std::string& path);

  int64_t size_bytes() const { return size_bytes_; }

  // Digests what lies before `offset`; the next Read begins there. At most
  // once, before the first Read. Blocks: reads the file up to there. Errors:
  // OUT_OF_RANGE past the end; those of Read.
  absl::Status SkipTo(int64_t offset);

  // The next bytes, at most `max_bytes`; empty at the end.
  // Errors: DATA_LOSS the file became shorter; INTERNAL it cannot be read.
  absl::StatusOr<std::string> Read(size_t max_bytes);

  // Of everything up to here; hexadecimal. Nothing can be read afterwards.
  std::string Sha256();

 private:
  ArtifactReader(OpenFile file, int64_t size_bytes);

  struct FreeDigest {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };

  OpenFile file_;
  const int64_t size_bytes_;
  int64_t position_ = 0;
  std::unique_ptr<EVP_MD_CTX, FreeDigest> digest_;
};

}  // namespace atelier::server
