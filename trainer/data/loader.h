// Batches in order, decoded by threads ahead of training. What comes out
// depends on the seed alone, never on the threads.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "trainer/data/batch.h"
#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/data/latent_cache.h"
#include "trainer/data/mask_cache.h"

namespace atelier::trainer {

struct LoaderOptions {
  uint64_t seed = 0;
  // Masks of the loss for cached latents, which outlive the loader. Null:
  // images are decoded for them.
  const MaskCache* masks = nullptr;
  // 0: decode in Next. At most one for each CPU core is started.
  int threads = 0;
  // For token warm-up: micro-batches of a step (an epoch ends a step), and the
  // length of the run.
  int64_t gradient_accumulation_steps = 1;
  int64_t max_train_steps = 0;
  // Leave images that cannot be decoded out of the loss; see Batch::warnings.
  bool skip_corrupt_images = false;
  BatchPosition start;
};

// Owns: its threads; they are joined when it is destroyed.
class Loader {
 public:
  // `index`, `layout` and `latents` must outlive the loader. `latents` null:
  // batches carry images.
  Loader(const DatasetIndex& index, const BucketLayout& layout,
         const LatentCache* latents, const LoaderOptions& options);
  ~Loader();

  // The batch at position(), which then moves on; epochs follow one another
  // without end. Blocks: until the batch is decoded.
  //
  // Errors: DATA_LOSS for an image that cannot be decoded, naming it; the
  // position stays.
  absl::StatusOr<Batch> Next();

  // Of the batch that Next returns: what a training state stores.
  BatchPosition position() const;
  int64_t batches_per_epoch() const;
  // Seconds that the last Next waited for images.
  double last_wait_seconds() const;

 private:
  class Pipeline;
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace atelier::trainer
