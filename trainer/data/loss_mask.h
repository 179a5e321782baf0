// Where the loss of an image counts: its alpha (alpha_mask), a picture in
// conditioning_data_dir of which red is taken, or both multiplied. 255 counts
// whole, 0 not at all.
//
// A mask is resized, cropped and mirrored as its image is. Deviation:
// sd-scripts resizes pictures of masks to the bucket directly, which shifts
// them against an image that is cropped.
#pragma once

#include "absl/status/statusor.h"
#include "opencv2/core/mat.hpp"

#include "trainer/data/dataset_index.h"
#include "trainer/data/image/image_decode.h"

namespace atelier::trainer {

// Whether the image has a mask at all; another one counts everywhere.
bool HasMask(const DatasetIndex& index, const DatasetImage& image);

// How to decode an image whose mask is wanted with it.
DecodeOptions DecodingOf(const DatasetIndex& index, const DatasetImage& image);

// The mask in the image's own size, [H, W] CV_8UC1; empty where it has none.
// `decoded` is the image as DecodingOf says. Errors: DATA_LOSS, naming the
// mask.
absl::StatusOr<cv::Mat> ReadMask(const DatasetIndex& index,
                                 const DatasetImage& image,
                                 const DecodedImage& decoded);

}  // namespace atelier::trainer
