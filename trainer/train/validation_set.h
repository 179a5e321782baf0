// What a validation looks at: the images held out of training, and as many
// trained ones to compare them with. Their latents are encoded once and stay in
// host memory; nothing of them is random.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/batch.h"
#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/data/latent_cache.h"
#include "trainer/data/text_cache.h"

namespace atelier::trainer {

// Images with the latents that belong to them.
struct ProbedImages {
  DatasetIndex index;
  BucketLayout layout;
  std::unique_ptr<LatentCache> latents;

  // The batches that a validation looks at, at most `most` (0: all), always the
  // same.
  std::vector<PlannedBatch> Plan(int64_t most) const;
  absl::StatusOr<Batch> Make(const PlannedBatch& plan) const;
};

struct ValidationSet {
  ProbedImages held_out;
  ProbedImages trained;

  // Fills both `latents`.
  using Encode = std::function<absl::StatusOr<std::unique_ptr<LatentCache>>(
      const DatasetIndex& index, const BucketLayout& layout)>;
  // Null where nothing is held out. `held_out`: as HeldOutIndex gives it.
  // Errors: those of `encode`.
  static absl::StatusOr<std::unique_ptr<ValidationSet>> Make(
      const DatasetIndex& training, const DatasetIndex& held_out,
      const Encode& encode);
};

// Adds the captions of both to those of `captions` that a text cache is made
// for. Errors: as FixedCaptions.
absl::Status AddCaptions(const ValidationSet& set,
                         std::vector<FixedCaption>& captions);

}  // namespace atelier::trainer
