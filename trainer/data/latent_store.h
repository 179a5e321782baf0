// Latents of images on disk, in either format: reads what is there and fits,
// and writes what was encoded.
//
//   atelier   a file of moments for each image and orientation (latent_file.h)
//   npz       sd-scripts' file of latents for each image (latent_npz.h)
//
// Files of the chosen format are written. Where atelier is chosen, its files go
// before npz files, which are read too.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/data/file_digests.h"
#include "trainer/data/latent_cache.h"
#include "trainer/data/latent_file.h"
#include "trainer/data/latent_npz.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// One image in one orientation on its way through the cache.
struct CachedVariant {
  LatentVariant key;
  Tensor pixels;   // [3, H, W] of what is to be encoded
  Tensor moments;  // [2C, h, w], from disk or encoded
  Tensor latents;  // [C, h, w], from an npz file or drawn from moments
  bool was_on_disk = false;
};

struct CachedImage {
  int64_t image = 0;
  std::string sha256;                   // empty: its contents were not read
  std::vector<CachedVariant> variants;  // upright, mirrored
  bool is_from_npz = false;
  bool is_left_out = false;  // it cannot be decoded
  bool is_on_trust = false;  // from an npz file that proves nothing
  std::vector<std::string> warnings;
};

// Whether nothing of it must be encoded.
bool IsOnDisk(const CachedImage& image);

class LatentStore {
 public:
  // All outlive this.
  LatentStore(const DatasetIndex& index, const BucketLayout& layout,
              const LatentCacheOptions& options)
      : index_(index), layout_(layout), options_(options) {}

  // What is to be made of an image of the index. Threads: any.
  CachedImage Describe(int64_t number) const;

  // Fills in what is on disk; `contents` are the image's, read unless files are
  // to be trusted or it is as it was when it was read before. Without
  // `on_trust` npz files count only where they prove to be of the image.
  // Threads: any.
  absl::Status LookUp(bool on_trust, CachedImage* image,
                      std::string* contents) const;

  // Writes what was not there, and removes what dead writers left in the
  // folder. Threads: one.
  absl::Status Save(const CachedImage& image);

  // Keeps the digests of the images that were read for the next run. Threads:
  // one, after the last Save.
  void SaveDigests();

 private:
  void LookUpOwn(CachedImage* image) const;
  void LookUpNpz(bool on_trust, CachedImage* image) const;
  LatentNpzImage NpzImage(const CachedImage& image) const;
  std::string OwnPath(const CachedImage& image,
                      const CachedVariant& variant) const;

  const DatasetIndex& index_;
  const BucketLayout& layout_;
  const LatentCacheOptions& options_;
  mutable FileDigests digests_;
  std::set<std::string> cleaned_;  // folders without leftovers of dead writers
};

}  // namespace atelier::trainer
