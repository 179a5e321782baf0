#include "trainer/data/mask_cache.h"

#include "absl/strings/str_cat.h"
#include "opencv2/core/mat.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/data/image/image_transform.h"
#include "trainer/data/loss_mask.h"
#include "trainer/data/ordered_pipeline.h"

namespace atelier::trainer {
namespace {

// Bytes [H, W] to the mean of each cell, in 0..1. Plain loops: LibTorch would
// start threads of its own in each of ours.
Tensor AverageCells(const cv::Mat& mask, int scale) {
  const int rows = mask.rows / scale;
  const int columns = mask.cols / scale;
  Tensor cells = torch::empty({1, rows, columns}, torch::kFloat32);
  float* out = cells.data_ptr<float>();
  for (int y = 0; y < rows; ++y) {
    for (int x = 0; x < columns; ++x) {
      int sum = 0;
      for (int i = 0; i < scale; ++i) {
        const uint8_t* row = mask.ptr<uint8_t>(y * scale + i) + x * scale;
        for (int j = 0; j < scale; ++j) sum += row[j];
      }
      *out++ =
          static_cast<float>(sum) / static_cast<float>(255 * scale * scale);
    }
  }
  return cells;
}

absl::StatusOr<Tensor> ReadCells(const DatasetIndex& index,
                                 const BucketLayout& layout, int64_t number,
                                 int scale) {
  const DatasetImage& image = index.images[number];
  ASSIGN_OR_RETURN(const DecodedImage decoded,
                   DecodeImageFile(image.path, DecodingOf(index, image)));
  ASSIGN_OR_RETURN(const cv::Mat mask, ReadMask(index, image, decoded));
  if (mask.empty()) return Tensor();
  return AverageCells(
      TransformMask(mask, layout.placements[number],
                    index.subset_of(image).resize_interpolation, {}),
      scale);
}

struct MaskCells {
  Tensor cells;
  std::string warning;  // why they are nothing but zeros
};

// The same where what cannot be decoded is left out.
absl::StatusOr<MaskCells> ReadOrLeaveOut(const DatasetIndex& index,
                                         const BucketLayout& layout,
                                         int64_t number,
                                         const MaskCacheOptions& options) {
  const int scale = options.latent_scale;
  absl::StatusOr<Tensor> cells = ReadCells(index, layout, number, scale);
  if (cells.ok()) return MaskCells{*std::move(cells), ""};
  if (!options.skip_corrupt_images || !absl::IsDataLoss(cells.status())) {
    return cells.status();
  }
  const ImageSize size = layout.placements[number].bucket;
  return MaskCells{
      torch::zeros({1, size.height / scale, size.width / scale},
                   torch::kFloat32),
      absl::StrCat("left out: ", std::string(cells.status().message()))};
}

}  // namespace

absl::StatusOr<std::unique_ptr<MaskCache>> MaskCache::Make(
    const DatasetIndex& index, const BucketLayout& layout,
    const MaskCacheOptions& options) {
  std::vector<int64_t> masked;
  for (size_t i = 0; i < index.images.size(); ++i) {
    if (HasMask(index, index.images[i])) {
      masked.push_back(static_cast<int64_t>(i));
    }
  }
  const auto total = static_cast<int64_t>(masked.size());
  OrderedPipeline<MaskCells> cells(options.threads, total, [&](int64_t number) {
    return ReadOrLeaveOut(index, layout, masked[number], options);
  });
  std::unique_ptr<MaskCache> cache(new MaskCache());
  cache->masks_.resize(index.images.size());
  for (int64_t i = 0; i < total; ++i) {
    ASSIGN_OR_RETURN(MaskCells mask, cells.Take());
    cache->masks_[masked[i]] = std::move(mask.cells);
    if (!mask.warning.empty()) {
      cache->warnings_.push_back(std::move(mask.warning));
    }
    if (options.progress) RETURN_IF_ERROR(options.progress(i + 1, total));
  }
  return cache;
}

Tensor MaskCache::Mask(int64_t image, bool flipped) const {
  const Tensor& mask = masks_[image];
  return flipped && mask.defined() ? mask.flip(2) : mask;
}

}  // namespace atelier::trainer
