// From a decoded image to what the network sees.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "opencv2/core/mat.hpp"

#include "trainer/data/batch_sampler.h"
#include "trainer/data/image/face_crop.h"
#include "trainer/tensor/rng.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// The random choices of one sample.
struct Augmentation {
  bool flip = false;
  // Share of what is cut away that is left of (above) the crop, in [0, 1);
  // negative: centre.
  double crop_x = -1;
  double crop_y = -1;
  bool color = false;
  // One of the two is used: degrees of hue / 2, or an exponent.
  double hue_shift = 0;
  double gamma = 1;
  FaceDraws face;
  // Takes the place of the placement's size and of crop_x and crop_y.
  std::optional<Frame> frame;
};

// Draws in a fixed order, so that one option does not change another's choice.
Augmentation DrawAugmentation(const SubsetOptions& subset, Rng rng);

// Brings an image [h, w] to `size`. Names: lanczos, nearest, bilinear or
// linear, bicubic or cubic, area, box; empty: area where neither side grows,
// else Lanczos. Lanczos and box widen their window when shrinking (as PIL
// does), the others are OpenCV's. Shapes: CV_8UC1 or CV_8UC3.
cv::Mat ResizeImage(const cv::Mat& image, ImageSize size,
                    const std::string& interpolation);

// Resize, crop to the bucket, colours, flip. Returns [3, H, W] fp32 in
// [-1, 1].
Tensor TransformImage(const cv::Mat& image, const Placement& placement,
                      const std::string& interpolation,
                      const Augmentation& augmentation);

// The same of a mask of the image's size, without colours. Shapes: [h, w]
// CV_8UC1, returns [H, W] of its kind.
cv::Mat TransformMask(const cv::Mat& mask, const Placement& placement,
                      const std::string& interpolation,
                      const Augmentation& augmentation);

}  // namespace atelier::trainer
