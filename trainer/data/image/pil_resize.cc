// Output pixel i sits at c = (i + 1/2) * in / out. Its value is the mean of the
// inputs within r * s of c, s = max(1, in / out), weighted by f((x + 1/2 - c) /
// s). Lanczos has r = 3 and f(x) = sinc(x) sinc(x / 3), box r = 1/2 and f(x)
// = 1. Weights are kept as integers of 22 fractional bits, which gives PIL's
// values.
#include "trainer/data/image/pil_resize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <vector>

namespace atelier::trainer {
namespace {

constexpr double kLobes = 3;
constexpr int kFractionBits = 22;

struct Taps {
  int first = 0;
  std::vector<int32_t> weights;
};

double Sinc(double x) {
  if (x == 0) return 1;
  const double angle = x * std::numbers::pi;
  return std::sin(angle) / angle;
}

double Lanczos(double x) {
  return x > -kLobes && x < kLobes ? Sinc(x) * Sinc(x / kLobes) : 0;
}

double Box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

struct Filter {
  double reach;
  double (*weight)(double x);
};

constexpr Filter kLanczosFilter = {kLobes, &Lanczos};
constexpr Filter kBoxFilter = {0.5, &Box};

std::vector<Taps> MakeTaps(int from, int to, const Filter& filter) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);
  std::vector<Taps> all(static_cast<size_t>(to));
  for (int i = 0; i < to; ++i) {
    const double center = (i + 0.5) * scale;
    const double reach = filter.reach * stretch;
    const int first = std::max(static_cast<int>(center - reach + 0.5), 0);
    const int end = std::min(static_cast<int>(center + reach + 0.5), from);
    std::vector<double> weights;
    double sum = 0;
    for (int x = first; x < end; ++x) {
      weights.push_back(filter.weight((x - center + 0.5) / stretch));
      sum += weights.back();
    }
    all[i].first = first;
    for (double weight : weights) {
      all[i].weights.push_back(static_cast<int32_t>(
          std::lround(weight / sum * (1 << kFractionBits))));
    }
  }
  return all;
}

uint8_t ToByte(int64_t sum) {
  const int64_t half = int64_t{1} << (kFractionBits - 1);
  return static_cast<uint8_t>(
      std::clamp<int64_t>((sum + half) >> kFractionBits, 0, 255));
}

// One output value: taps over inputs that are `stride` bytes apart.
uint8_t Mix(const uint8_t* input, size_t stride, const Taps& taps) {
  int64_t sum = 0;
  const uint8_t* at = input + taps.first * stride;
  for (int32_t weight : taps.weights) {
    sum += int64_t{weight} * *at;
    at += stride;
  }
  return ToByte(sum);
}

cv::Mat ResizeRows(const cv::Mat& image, int width, const Filter& filter) {
  if (image.cols == width) return image;
  const std::vector<Taps> taps = MakeTaps(image.cols, width, filter);
  const int channels = image.channels();
  cv::Mat result(image.rows, width, image.type());
  for (int y = 0; y < image.rows; ++y) {
    const uint8_t* in = image.ptr<uint8_t>(y);
    uint8_t* out = result.ptr<uint8_t>(y);
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        *out++ = Mix(in + c, static_cast<size_t>(channels), taps[x]);
      }
    }
  }
  return result;
}

cv::Mat ResizeColumns(const cv::Mat& image, int height, const Filter& filter) {
  if (image.rows == height) return image;
  const std::vector<Taps> taps = MakeTaps(image.rows, height, filter);
  cv::Mat result(height, image.cols, image.type());
  for (int y = 0; y < height; ++y) {
    uint8_t* out = result.ptr<uint8_t>(y);
    const uint8_t* in = image.ptr<uint8_t>(0);
    for (int i = 0; i < image.cols * image.channels(); ++i) {
      out[i] = Mix(in + i, image.step, taps[y]);
    }
  }
  return result;
}

cv::Mat Resize(const cv::Mat& image, int width, int height,
               const Filter& filter) {
  return ResizeColumns(ResizeRows(image, width, filter), height, filter);
}

}  // namespace

cv::Mat ResizeLanczos(const cv::Mat& image, int width, int height) {
  return Resize(image, width, height, kLanczosFilter);
}

cv::Mat ResizeBox(const cv::Mat& image, int width, int height) {
  return Resize(image, width, height, kBoxFilter);
}

}  // namespace atelier::trainer
