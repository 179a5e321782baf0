// What the scan before training reads of each image file: its header, and
// whether it can be trained on.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/data/bucket.h"
#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

struct ImageToScan {
  std::string path;
  int dataset = 0;  // place in the datasets given with it
};

struct ImageFacts {
  ImageSize size;  // as it is trained: turned where exif_orientation says so
  bool has_orientation = false;  // EXIF says that it is not stored upright
  bool has_alpha = false;
  int64_t size_bytes = 0;
  std::string head_sha256;  // of the first 4 KiB
  // Why it cannot be trained on, without its path; empty: it can.
  std::string problem;
};

// Facts of images, [i] of the result for images[i]. Bad are files that cannot
// be opened, are empty, truncated or of no known kind, that have too many
// pixels, and those too small or too narrow for their bucket.
//
// Threads: one a core. Errors: what `progress` returned.
absl::StatusOr<std::vector<ImageFacts>> ScanImages(
    absl::Span<const DatasetOptions> datasets,
    absl::Span<const ImageToScan> images,
    const std::function<absl::Status(int64_t done, int64_t total)>& progress);

}  // namespace atelier::trainer
