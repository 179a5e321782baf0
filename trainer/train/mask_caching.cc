#include "trainer/train/mask_caching.h"

#include <algorithm>

#include "proto/cc/status_macros.h"
#include "trainer/data/loss_mask.h"

namespace atelier::trainer {

absl::Status CacheMasks(Training& training, Reporter& reporter) {
  const DatasetIndex& index = training.index;
  const bool has_masks = std::any_of(
      index.images.begin(), index.images.end(),
      [&](const DatasetImage& image) { return HasMask(index, image); });
  if (training.latents == nullptr || !has_masks) return absl::OkStatus();
  reporter.EnterPhase("caching", "masks of the loss");
  MaskCacheOptions options;
  options.threads =
      training.spec.training().dataset().max_data_loader_n_workers();
  options.latent_scale = training.architecture->latent_scale;
  options.skip_corrupt_images =
      training.spec.training().dataset().skip_corrupt_images();
  options.progress = [&](int64_t done, int64_t total) {
    return reporter.Progress(done, total);
  };
  ASSIGN_OR_RETURN(training.masks,
                   MaskCache::Make(index, training.layout, options));
  // Of a damaged image the cache of latents has told already.
  const std::vector<std::string>& told = training.latents->report().warnings;
  for (const std::string& warning : training.masks->warnings()) {
    if (std::find(told.begin(), told.end(), warning) == told.end()) {
      reporter.Warn(warning);
    }
  }
  return absl::OkStatus();
}

}  // namespace atelier::trainer
