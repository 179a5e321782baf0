// One planned batch: images decoded or latents looked up, captions processed.
#pragma once

#include "absl/status/statusor.h"

#include "trainer/data/batch.h"
#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/data/image/image_transform.h"
#include "trainer/data/latent_cache.h"
#include "trainer/data/mask_cache.h"

namespace atelier::trainer {

struct BatchMakerOptions {
  uint64_t seed = 0;
  // Masks of the loss for cached latents, which outlive the maker. Null: images
  // are decoded for them.
  const MaskCache* masks = nullptr;
  int64_t steps_per_epoch = 1;
  int64_t batches_per_step = 1;
  int64_t max_train_steps = 0;
  // An image that cannot be decoded is left out of the loss with a warning, and
  // no error.
  bool skip_corrupt_images = false;
};

// Threads: any. What it makes depends on the plan and the seed alone.
class BatchMaker {
 public:
  // All must outlive the maker; `latents` may be null.
  BatchMaker(const DatasetIndex& index, const BucketLayout& layout,
             const LatentCache* latents, const BatchMakerOptions& options)
      : index_(index), layout_(layout), latents_(latents), options_(options) {}

  // Errors: DATA_LOSS for an image that cannot be decoded, naming it, unless
  // they are skipped; NOT_FOUND for one that is gone.
  absl::StatusOr<Batch> Make(const PlannedBatch& plan) const;

 private:
  // One of pixels [3, H, W] and latents [C, h, w]; mask [1, H, W] or [1, h, w]
  // in 0..1, undefined: the loss counts everywhere. All fp32.
  struct Sample {
    Tensor pixels;
    Tensor latents;
    Tensor mask;
  };

  // What stands for an image that is left out; `reason` goes to the warnings.
  Sample BlankSample(int64_t image, const absl::Status& reason,
                     Batch* batch) const;
  std::string CaptionOf(const PlannedBatch& plan, int64_t sample) const;
  Augmentation AugmentationOf(const PlannedBatch& plan, int64_t sample) const;
  // Image and mask from their files.
  absl::Status Decode(int64_t image, const Augmentation& augmentation,
                      Sample* sample) const;
  // The same where caches hold what they hold.
  absl::StatusOr<Sample> SampleOf(int64_t image,
                                  const Augmentation& augmentation) const;

  const DatasetIndex& index_;
  const BucketLayout& layout_;
  const LatentCache* latents_;
  BatchMakerOptions options_;
};

// Fails where the decoded image has not the size that the scan saw: the file
// has changed.
absl::Status CheckUnchanged(const DatasetImage& image, ImageSize decoded);

}  // namespace atelier::trainer
