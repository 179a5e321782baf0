// Masks of the loss for cached latents, in latent cells: read once, since a
// step does not decode images then.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct MaskCacheOptions {
  int threads = 0;  // that decode images; 0: the caller's
  int latent_scale = 8;
  // A mask that cannot be read counts nowhere, with a warning, and is no error.
  bool skip_corrupt_images = false;
  // Called after each mask; a status that is not OK ends the caching with it.
  std::function<absl::Status(int64_t done, int64_t total)> progress;
};

class MaskCache {
 public:
  // Reads the mask of every image that has one. Memory: 4 bytes a latent cell.
  // Errors: DATA_LOSS, naming the file, unless it is skipped; what `progress`
  // returned.
  static absl::StatusOr<std::unique_ptr<MaskCache>> Make(
      const DatasetIndex& index, const BucketLayout& layout,
      const MaskCacheOptions& options);

  // The mean over each cell, in 0..1; undefined where the image has no mask.
  // Shapes: [1, h, w] fp32. Threads: any.
  Tensor Mask(int64_t image, bool flipped) const;
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  MaskCache() = default;

  std::vector<Tensor> masks_;  // [1, h, w], one for each image of the index
  std::vector<std::string> warnings_;
};

}  // namespace atelier::trainer
