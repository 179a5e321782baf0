// The header of each kind of image file. Sizes may be anything; image_header.h
// checks them.
//
// Errors: DATA_LOSS for a damaged or truncated file.
#pragma once

#include "absl/status/statusor.h"

#include "trainer/data/image/image_header.h"

namespace atelier::trainer {

absl::StatusOr<ImageHeader> ReadPngHeader(const ImageBytes& bytes);
absl::StatusOr<ImageHeader> ReadJpegHeader(const ImageBytes& bytes);
// Animations are refused.
absl::StatusOr<ImageHeader> ReadWebpHeader(const ImageBytes& bytes);
absl::StatusOr<ImageHeader> ReadBmpHeader(const ImageBytes& bytes);
// Of the first picture in the file.
absl::StatusOr<ImageHeader> ReadTiffHeader(const ImageBytes& bytes);

}  // namespace atelier::trainer
