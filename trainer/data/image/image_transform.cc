#include "trainer/data/image/image_transform.h"

#include <array>
#include <cmath>

#include "opencv2/core.hpp"
#include "opencv2/imgproc.hpp"

#include "trainer/data/image/pil_resize.h"

namespace atelier::trainer {
namespace {

constexpr double kColorShare = 0.33;
constexpr double kHueShift = 8;  // of OpenCV's 180
constexpr double kGammaShift = 0.05;

int InterpolationFlag(const std::string& name) {
  if (name == "nearest") return cv::INTER_NEAREST_EXACT;
  if (name == "bilinear" || name == "linear") return cv::INTER_LINEAR;
  if (name == "bicubic" || name == "cubic") return cv::INTER_CUBIC;
  return cv::INTER_AREA;
}

// Where a crop of `kept` pixels begins in `length`.
int CropStart(int length, int kept, double share) {
  const int trim = length - kept;
  return share < 0 ? trim / 2 : static_cast<int>(share * (trim + 1));
}

cv::Mat ShiftHue(const cv::Mat& image, double shift) {
  cv::Mat hsv;
  cv::cvtColor(image, hsv, cv::COLOR_RGB2HSV);
  const int steps = static_cast<int>(std::lround(shift)) + 180;
  for (int y = 0; y < hsv.rows; ++y) {
    uint8_t* pixel = hsv.ptr<uint8_t>(y);
    for (int x = 0; x < hsv.cols; ++x, pixel += 3) {
      pixel[0] = static_cast<uint8_t>((pixel[0] + steps) % 180);
    }
  }
  cv::Mat result;
  cv::cvtColor(hsv, result, cv::COLOR_HSV2RGB);
  return result;
}

cv::Mat ApplyGamma(const cv::Mat& image, double gamma) {
  cv::Mat table(1, 256, CV_8UC1);
  for (int i = 0; i < 256; ++i) {
    table.at<uint8_t>(i) =
        static_cast<uint8_t>(std::lround(255 * std::pow(i / 255.0, gamma)));
  }
  cv::Mat result;
  cv::LUT(image, table, result);
  return result;
}

// Bytes [H, W, 3] to [3, H, W] in [-1, 1].
Tensor ToTensor(const cv::Mat& image, bool flip) {
  std::array<float, 256> values;
  for (int i = 0; i < 256; ++i) values[i] = static_cast<float>(i) / 127.5F - 1;
  Tensor tensor = torch::empty({3, image.rows, image.cols}, torch::kFloat32);
  float* out = tensor.data_ptr<float>();
  for (int channel = 0; channel < 3; ++channel) {
    for (int y = 0; y < image.rows; ++y) {
      const uint8_t* row = image.ptr<uint8_t>(y) + channel;
      for (int x = 0; x < image.cols; ++x) {
        *out++ = values[row[3 * (flip ? image.cols - 1 - x : x)]];
      }
    }
  }
  return tensor;
}

// Resize and crop.
cv::Mat CutOut(const cv::Mat& image, const Placement& placement,
               const std::string& interpolation,
               const Augmentation& augmentation) {
  const ImageSize bucket = placement.bucket;
  if (const auto& frame = augmentation.frame; frame.has_value()) {
    return ResizeImage(image, frame->resized, interpolation)(
        cv::Rect(frame->left, frame->top, bucket.width, bucket.height));
  }
  const cv::Mat resized = ResizeImage(image, placement.resized, interpolation);
  return resized(
      cv::Rect(CropStart(resized.cols, bucket.width, augmentation.crop_x),
               CropStart(resized.rows, bucket.height, augmentation.crop_y),
               bucket.width, bucket.height));
}

}  // namespace

Augmentation DrawAugmentation(const SubsetOptions& subset, Rng rng) {
  const double flip = rng.Uniform();
  const double crop_x = rng.Uniform();
  const double crop_y = rng.Uniform();
  const double color = rng.Uniform();
  const double kind = rng.Uniform();
  const double amount = 2 * rng.Uniform() - 1;
  FaceDraws face;
  for (double* draw :
       {&face.scale, &face.x[0], &face.x[1], &face.y[0], &face.y[1]}) {
    *draw = rng.Uniform();
  }

  Augmentation drawn;
  drawn.face = face;
  drawn.flip = subset.flip_aug && flip < 0.5;
  if (subset.random_crop) {
    drawn.crop_x = crop_x;
    drawn.crop_y = crop_y;
  }
  drawn.color = subset.color_aug && color < kColorShare;
  if (drawn.color && kind < 0.5) drawn.hue_shift = amount * kHueShift;
  if (drawn.color && kind >= 0.5) drawn.gamma = 1 + amount * kGammaShift;
  return drawn;
}

cv::Mat ResizeImage(const cv::Mat& image, ImageSize size,
                    const std::string& interpolation) {
  if (image.cols == size.width && image.rows == size.height) return image;
  const bool shrinks = size.width <= image.cols && size.height <= image.rows;
  if (interpolation == "lanczos" || (interpolation.empty() && !shrinks)) {
    return ResizeLanczos(image, size.width, size.height);
  }
  if (interpolation == "box") {
    return ResizeBox(image, size.width, size.height);
  }
  cv::Mat result;
  cv::resize(image, result, {size.width, size.height}, 0, 0,
             InterpolationFlag(interpolation));
  return result;
}

Tensor TransformImage(const cv::Mat& image, const Placement& placement,
                      const std::string& interpolation,
                      const Augmentation& augmentation) {
  cv::Mat cropped = CutOut(image, placement, interpolation, augmentation);
  if (augmentation.color) {
    cropped = augmentation.hue_shift != 0
                  ? ShiftHue(cropped, augmentation.hue_shift)
                  : ApplyGamma(cropped, augmentation.gamma);
  }
  return ToTensor(cropped, augmentation.flip);
}

cv::Mat TransformMask(const cv::Mat& mask, const Placement& placement,
                      const std::string& interpolation,
                      const Augmentation& augmentation) {
  cv::Mat cropped = CutOut(mask, placement, interpolation, augmentation);
  if (!augmentation.flip) return cropped;
  cv::Mat mirrored;
  cv::flip(cropped, mirrored, 1);
  return mirrored;
}

}  // namespace atelier::trainer
