// Crops around a face whose place the file's name tells.
//
// Source: sd-scripts' crop_target. Deviation: an image smaller than the crop is
// enlarged to cover it, where sd-scripts stops.
#pragma once

#include <optional>
#include <string>

#include "trainer/data/bucket.h"
#include "trainer/data/dataset_options.h"

namespace atelier::trainer {

// In pixels of the image as it is trained.
struct Face {
  int center_x = 0;
  int center_y = 0;
  int width = 0;
  int height = 0;
};

// Of an image named `NAME_cx_cy_w_h.ext`, four whole numbers; none where it is
// not, or where cx or the face is 0.
std::optional<Face> FaceInName(const std::string& path);

// What is kept of an image: after resizing it to `resized`, the target's size
// from this corner on.
struct Frame {
  ImageSize resized;
  int left = 0;
  int top = 0;
};

// Random shares of one sample, each in [0, 1).
struct FaceDraws {
  double scale = 0;
  double x[2] = {0, 0};
  double y[2] = {0, 0};
};

// Scales the image so that the target's shorter side is range.min to range.max
// times the face, as far as it then still covers the target and is not enlarged
// for it, and puts the face in the middle: with `random_crop` only most likely
// there, else within a twentieth of the face where the range is one.
Frame FrameFace(ImageSize image, ImageSize target, const Face& face,
                const FaceCropRange& range, bool random_crop,
                const FaceDraws& draws);

}  // namespace atelier::trainer
