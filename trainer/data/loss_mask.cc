#include "trainer/data/loss_mask.h"

#include "opencv2/core.hpp"

#include "proto/cc/status_macros.h"
#include "trainer/data/image/image_transform.h"

namespace atelier::trainer {

bool HasMask(const DatasetIndex& index, const DatasetImage& image) {
  return !image.mask_path.empty() ||
         (index.subset_of(image).alpha_mask && image.has_alpha);
}

DecodeOptions DecodingOf(const DatasetIndex& index, const DatasetImage& image) {
  DecodeOptions options;
  options.exif_orientation = index.dataset_of(image).exif_orientation;
  options.alpha = index.subset_of(image).alpha_mask && image.has_alpha;
  return options;
}

absl::StatusOr<cv::Mat> ReadMask(const DatasetIndex& index,
                                 const DatasetImage& image,
                                 const DecodedImage& decoded) {
  if (image.mask_path.empty()) return decoded.alpha;
  DecodeOptions options;
  options.exif_orientation = index.dataset_of(image).exif_orientation;
  ASSIGN_OR_RETURN(const DecodedImage picture,
                   DecodeImageFile(image.mask_path, options));
  cv::Mat red;
  cv::extractChannel(picture.rgb, red, 0);
  red = ResizeImage(red, {decoded.rgb.cols, decoded.rgb.rows}, "");
  if (decoded.alpha.empty()) return red;
  cv::Mat both;
  cv::multiply(red, decoded.alpha, both, 1.0 / 255);
  return both;
}

}  // namespace atelier::trainer
