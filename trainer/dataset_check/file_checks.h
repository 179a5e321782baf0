// What only the files' contents tell: images that cannot be decoded, and images
// that are there twice.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/status.h"

#include "trainer/data/dataset_index.h"
#include "trainer/dataset_check/report.h"

namespace atelier::trainer {

using CheckProgress = std::function<absl::Status(int64_t done, int64_t total)>;

// Decodes every image of the index. Fills the broken files (those that the
// header did not give away are added) and the groups of images that look alike:
// perceptual hashes of brightness differences that agree in nearly every bit.
// Duplicates are no part of those groups; find them first.
//
// Threads: one a core. Errors: what `progress` returned.
absl::Status DecodeEach(const DatasetIndex& index,
                        const CheckProgress& progress, DatasetReport* report);

// Groups of files with the same bytes. Only files of the same size and
// beginning are read.
ImageGroups FindDuplicates(const DatasetIndex& index);

}  // namespace atelier::trainer
