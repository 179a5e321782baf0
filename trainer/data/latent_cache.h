// Latents of every image, encoded once before training, in memory and
// optionally on disk.
//
// What is kept on disk are the moments of the posterior (mean and log
// variance), so that a file serves every seed; a latent is drawn from them when
// it is loaded, with the noise stream (seed, kLatentSample, 0, image).
// sd-scripts' files, read and on request written, keep the latent that was
// drawn first (latent_store.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/data/latent_draw.h"
#include "trainer/data/latent_npz.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The autoencoder's encoder: images [B, 3, H, W] fp32 on the CPU in [-1, 1] to
// moments [B, 2C, h, w] (mean, then log variance), on any device in any type.
using EncodeImages =
    std::function<absl::StatusOr<Tensor>(const Tensor& images)>;

struct LatentCacheOptions {
  uint64_t seed = 0;
  int vae_batch_size = 1;
  // That read and decode images beside the encoder; 0: its own does. At most
  // one a core is started.
  int threads = 0;
  bool to_disk = false;
  // sd-scripts' files of this architecture, which are reused where they fit;
  // none: it has none. Those that do not say which encoder made them are
  // compared with it for one image, unless skip_check is set.
  std::optional<LatentNpzFormat> npz;
  bool writes_npz = false;  // in place of files of our own; needs `npz`
  // Where files of our own go. Empty: `.atelier_latents` in the folder of each
  // image.
  std::string folder;
  // Trust a file that has the image's name, without reading the image.
  bool skip_check = false;
  // Leave images that cannot be decoded out, with a warning for each.
  bool skip_corrupt_images = false;
  // Part of every file's name: digest of the encoder's weights and its
  // precision.
  std::string encoder_digest;
  int latent_scale = 8;
  // Called after each batch; a status that is not OK ends the caching with it.
  std::function<absl::Status(int64_t done, int64_t total)> progress;
};

struct LatentCacheReport {
  int64_t encoded = 0;
  int64_t read_from_disk = 0;  // those of npz files among them
  int64_t read_from_npz = 0;
  int64_t taken_on_trust = 0;  // from npz files that do not name their image
  std::vector<std::string> warnings;
  double seconds = 0;
  double encoder_seconds = 0;  // of those, what the encoder took
};

class LatentCache {
 public:
  // Encodes what is not on disk. Mirrored images are encoded on their own where
  // the subset has flip_aug. Memory: all latents in fp32.
  //
  // Errors: DATA_LOSS for an image that cannot be decoded and may not be left
  // out, UNAVAILABLE and
  // RESOURCE_EXHAUSTED where files cannot be written, OUT_OF_RANGE for latents
  // that are not finite, each with the image's path; what `encode` and
  // `progress` returned.
  static absl::StatusOr<std::unique_ptr<LatentCache>> Make(
      const DatasetIndex& index, const BucketLayout& layout,
      const LatentCacheOptions& options, const EncodeImages& encode);

  // [C, h, w] fp32, not scaled by the autoencoder's factor. Threads: any.
  Tensor Latents(int64_t image, bool flipped) const;
  // Whether an image could not be decoded; its latents are those of an even
  // picture and should not count. Threads: any.
  bool IsLeftOut(int64_t image) const { return left_out_.count(image) > 0; }
  const LatentCacheReport& report() const { return report_; }

 private:
  friend class LatentCaching;
  LatentCache() = default;

  std::vector<Tensor> latents_;
  std::vector<Tensor> flipped_;
  std::set<int64_t> left_out_;
  LatentCacheReport report_;
};

}  // namespace atelier::trainer
