// Two pictures of a dataset's buckets.
#pragma once

#include <string>

#include "absl/status/status.h"

#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/dataset_check/report.h"

namespace atelier::trainer {

// Writes into `folder`, which is made on demand, and names the files in
// report->pictures:
//
//   buckets.png   a bar for each bucket, as long as its samples are many
//   crops.png     for each bucket its first images as training sees them:
//                 resized and cropped by the code that training uses
//
// Errors: as WriteFileAtomically.
absl::Status DrawPictures(const DatasetIndex& index, const BucketLayout& layout,
                          const std::string& folder, DatasetReport* report);

}  // namespace atelier::trainer
