// Images from files, as 8-bit RGB and, where asked for, their alpha.
//
// PNG, JPEG, WebP, BMP and TIFF, whatever the file is called. Values are those
// of Pillow's convert("RGB"): 16 bits are cut to 8, grey and palettes become
// RGB, alpha is dropped and the colours under it stay. Of a TIFF with several
// pictures the first is taken.
//
// Deviations: 16-bit grey is cut to 8 bits like colour, where Pillow clips it
// at 255 and makes nearly everything white; CMYK is off by one of 255 in
// rounding; a TIFF's orientation is one like others', where Pillow turns TIFFs
// by itself; premultiplied colours of a TIFF stay so; a grey PNG's colour key
// is no alpha.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "opencv2/core/mat.hpp"

namespace atelier::trainer {

struct DecodeOptions {
  // Turn the image as its EXIF orientation says; otherwise pixels are as
  // stored.
  bool exif_orientation = false;
  // Decode the alpha channel too.
  bool alpha = false;
};

// Shapes: rgb [H, W] CV_8UC3 in the order red, green, blue; alpha [H, W]
// CV_8UC1, empty where it was not asked for or the file has none.
struct DecodedImage {
  cv::Mat rgb;
  cv::Mat alpha;
};

// Errors: NOT_FOUND; DATA_LOSS for a file that is truncated or no image, naming
// it.
absl::StatusOr<DecodedImage> DecodeImageFile(const std::string& path,
                                             const DecodeOptions& options);

// The same from the file's contents; `path` is for messages.
absl::StatusOr<DecodedImage> DecodeImageContents(absl::string_view bytes,
                                                 const std::string& path,
                                                 const DecodeOptions& options);

// The colours alone, as stored.
absl::StatusOr<cv::Mat> DecodeImage(const std::string& path);
absl::StatusOr<cv::Mat> DecodeImageBytes(absl::string_view bytes,
                                         const std::string& path);

}  // namespace atelier::trainer
