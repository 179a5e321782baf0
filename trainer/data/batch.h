// One micro-batch as the loader hands it over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/job/image_geometry.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// All samples have the same bucket, so the same shape. Exactly one of images
// and latents is defined.
//
// Shapes: images [B, 3, H, W] fp32 in [-1, 1]; latents [B, C, h, w] fp32, not
// yet scaled by the autoencoder's factor; loss_weights [B]; loss_mask [B, 1, H,
// W] or, with latents, [B, 1, h, w], in 0..1; undefined where no sample has
// one.
struct Batch {
  Tensor images;
  Tensor latents;
  std::vector<std::string>
      captions;  // as encoded: every caption operation is done
  std::vector<ImageGeometry> geometry;
  Tensor loss_weights;
  Tensor loss_mask;
  std::vector<int64_t> image_indices;  // places in the dataset's list of images
  // Images that could not be decoded and were left out: their rows are even
  // pictures of weight 0.
  std::vector<std::string> warnings;
  int64_t epoch = 0;           // from 1
  int64_t index_in_epoch = 0;  // from 0

  int64_t size() const { return static_cast<int64_t>(captions.size()); }
};

}  // namespace atelier::trainer
