// Aspect-ratio buckets: the sizes that a dataset is trained at, and the choice
// of one for an image. All sizes in pixels.
//
// Source: sd-scripts' BucketManager and make_bucket_resolutions, value for
// value.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

struct ImageSize {
  int width = 0;
  int height = 0;
  auto operator<=>(const ImageSize&) const = default;
};

struct BucketOptions {
  ImageSize resolution;
  int min_size = 256;
  int max_size = 1024;
  int step = 64;
  bool no_upscale = false;
};

// With min_bucket_reso rounded down and max_bucket_reso rounded up to a
// multiple of the step.
BucketOptions BucketOptionsOf(const DatasetOptions& dataset);

// Sorted by width, then height; every area is at most the resolution's, except
// where only the smallest side fits.
std::vector<ImageSize> MakeBucketResolutions(const BucketOptions& options);

struct BucketChoice {
  ImageSize bucket;
  // The image is brought to this size, which covers the bucket, and cropped.
  ImageSize resized;
  // Bucket's minus image's width / height. Not finite for an image with a side
  // below one step that may not be enlarged.
  double aspect_error = 0;
};

// The cover size of `image` for a bucket.
ImageSize CoverSize(ImageSize image, ImageSize bucket);

// Stability's crop coordinates for SDXL: those of the image fitted inside the
// bucket, not of the pixels that are cut away.
struct CropBox {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};
CropBox FittedCrop(ImageSize bucket, ImageSize image);

// The buckets of one dataset, made as images need them.
class BucketSet {
 public:
  explicit BucketSet(const BucketOptions& options);

  // Chooses a bucket; the first image of a bucket makes it.
  BucketChoice Select(ImageSize image);
  // The same without making it. Threads: any.
  BucketChoice Choose(ImageSize image) const;
  // Puts an image's number into a bucket that Select returned.
  void Add(ImageSize bucket, int64_t image);
  // Buckets by width, then height, instead of in order of their making.
  void Sort();

  const std::vector<ImageSize>& sizes() const { return sizes_; }
  const std::vector<std::vector<int64_t>>& images() const { return images_; }
  // The sizes to choose from; empty with no_upscale.
  const std::vector<ImageSize>& predefined() const { return predefined_; }

 private:
  BucketChoice SelectPredefined(ImageSize image) const;
  BucketChoice SelectOwnSize(ImageSize image) const;

  BucketOptions options_;
  std::vector<ImageSize> predefined_;
  std::vector<ImageSize> sizes_;
  std::vector<std::vector<int64_t>> images_;
  std::map<ImageSize, size_t> places_;
};

}  // namespace atelier::trainer
