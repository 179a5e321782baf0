// Images from files, as 8-bit RGB.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "opencv2/core/mat.hpp"

namespace atelier::trainer {

// PNG, JPEG, WebP and BMP of any depth: 16 bits are cut to 8, grey and palettes
// become RGB, alpha is dropped (the colours under it stay), an EXIF orientation
// is not applied. Shapes: [H, W] CV_8UC3 in the order red, green, blue.
//
// Errors: NOT_FOUND; DATA_LOSS for a file that is truncated or no image, naming
// it.
absl::StatusOr<cv::Mat> DecodeImage(const std::string& path);

// The same from the file's contents; `path` is for messages. A truncated JPEG
// is not noticed here.
absl::StatusOr<cv::Mat> DecodeImageBytes(absl::string_view bytes,
                                         const std::string& path);

}  // namespace atelier::trainer
