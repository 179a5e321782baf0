#include "trainer/data/image/face_crop.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace atelier::trainer {
namespace {

// Faces below this many pixels stay exactly in the middle.
constexpr int kSmallestJittered = 40;

int RoundUpHalf(double value) { return static_cast<int>(value + 0.5); }

// A whole number from low to high, both among them.
int Between(int low, int high, double share) {
  return low + static_cast<int>(share * (high - low + 1));
}

double ScaleOf(ImageSize image, ImageSize target, int face,
               const FaceCropRange& range, double share) {
  const double cover =
      std::max(target.width / static_cast<double>(image.width),
               target.height / static_cast<double>(image.height));
  const double side = std::min(target.width, target.height);
  const double least =
      std::max(cover, std::min(1.0, side / (face * range.max)));
  const double most = std::max(least, std::min(1.0, side / (face * range.min)));
  return least + share * (most - least);
}

}  // namespace

std::optional<Face> FaceInName(const std::string& path) {
  const std::string stem = std::filesystem::path(path).stem().string();
  const std::vector<std::string> parts = absl::StrSplit(stem, '_');
  if (parts.size() < 5) return std::nullopt;
  Face face;
  int* const fields[] = {&face.center_x, &face.center_y, &face.width,
                         &face.height};
  for (size_t i = 0; i < 4; ++i) {
    if (!absl::SimpleAtoi(parts[parts.size() - 4 + i], fields[i]) ||
        *fields[i] < 0) {
      return std::nullopt;
    }
  }
  if (face.center_x == 0 || std::max(face.width, face.height) == 0) {
    return std::nullopt;
  }
  return face;
}

Frame FrameFace(ImageSize image, ImageSize target, const Face& face,
                const FaceCropRange& range, bool random_crop,
                const FaceDraws& draws) {
  if (image == target) return {image, 0, 0};
  const int side = std::max(face.width, face.height);
  const double scale = ScaleOf(image, target, side, range, draws.scale);
  Frame frame;
  frame.resized = {std::max(RoundUpHalf(image.width * scale), target.width),
                   std::max(RoundUpHalf(image.height * scale), target.height)};
  const bool jitters = range.min != range.max &&
                       side > std::min(target.width, target.height) / 10 &&
                       side >= kSmallestJittered;
  const auto start = [&](int length, int kept, int center,
                         const double* shares) {
    int at = center - kept / 2;
    if (random_crop) {
      const int reach = std::max(length - center, center);
      at += Between(0, reach, shares[0]) + Between(0, reach, shares[1]) - reach;
    } else if (jitters) {
      // A twentieth, rounded down on both sides of 0.
      at += Between(-((side + 19) / 20), side / 20, shares[0]);
    }
    return std::clamp(at, 0, length - kept);
  };
  frame.left = start(frame.resized.width, target.width,
                     RoundUpHalf(face.center_x * scale), draws.x);
  frame.top = start(frame.resized.height, target.height,
                    RoundUpHalf(face.center_y * scale), draws.y);
  return frame;
}

}  // namespace atelier::trainer
