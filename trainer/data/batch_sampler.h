// Which images make which batch: buckets from the index, and the order of an
// epoch as a pure function of (seed, epoch).
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/data/bucket.h"
#include "trainer/data/dataset_index.h"
#include "trainer/job/event.h"

namespace atelier::trainer {

// A bucket of one dataset with the numbers of its images, each as many times as
// it is repeated.
struct Bucket {
  int dataset = 0;
  ImageSize size;
  int batch_size = 1;
  std::vector<int64_t> images;
};

// How one image gets to its bucket's size.
struct Placement {
  ImageSize bucket;
  ImageSize resized;
  CropBox crop;
  double aspect_error = 0;
};

struct BucketLayout {
  std::vector<Bucket> buckets;        // by dataset, width, height
  std::vector<Placement> placements;  // one for each image of the index
  double mean_aspect_error = 0;       // of absolute values, without repeats
};

// Without enable_bucket every image of the dataset goes to its resolution.
BucketLayout MakeBuckets(const DatasetIndex& index);

// The bucket report.
BucketsMade ReportBuckets(const DatasetIndex& index,
                          const BucketLayout& layout);

// The next batch to train: epochs from 1, batches of an epoch from 0.
struct BatchPosition {
  int64_t epoch = 1;
  int64_t index = 0;
};

struct PlannedBatch {
  BatchPosition position;
  ImageSize bucket;
  std::vector<int64_t> images;  // places in DatasetIndex::images
  // Place in the epoch of the first sample; the others follow.
  int64_t first_sample = 0;
};

// Every image is in its epoch exactly `repeats` times; the last batch of a
// bucket may be short; buckets do not mix.
//
// Threads: any, it has no state.
class BatchSampler {
 public:
  BatchSampler(std::vector<Bucket> buckets, uint64_t seed);

  std::vector<PlannedBatch> Epoch(int64_t epoch) const;
  int64_t batches_per_epoch() const { return batches_per_epoch_; }
  int64_t samples_per_epoch() const { return samples_per_epoch_; }

 private:
  std::vector<Bucket> buckets_;
  uint64_t seed_;
  int64_t batches_per_epoch_ = 0;
  int64_t samples_per_epoch_ = 0;
};

}  // namespace atelier::trainer
