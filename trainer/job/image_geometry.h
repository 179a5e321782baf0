// How an image came to its training size, in pixels.
#pragma once

namespace atelier::trainer {

struct ImageGeometry {
  int original_width = 0;
  int original_height = 0;
  // As SDXL is conditioned on them, see sd-scripts' crop rule in data/bucket.h.
  int crop_left = 0;
  int crop_top = 0;
  // The size that is trained: the bucket.
  int target_width = 0;
  int target_height = 0;
};

}  // namespace atelier::trainer
