#include "trainer/train/hooks/diversity.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kSide = 16;

}  // namespace

Tensor Thumbnail(const Tensor& image) {
  return torch::adaptive_avg_pool2d(
      image.detach().to(torch::kCPU, torch::kFloat32), {kSide, kSide});
}

std::optional<double> MeanDistance(const std::vector<Tensor>& thumbnails) {
  if (thumbnails.size() < 2) return std::nullopt;
  double sum = 0;
  int64_t pairs = 0;
  for (size_t i = 0; i < thumbnails.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const Tensor difference = thumbnails[i] - thumbnails[j];
      sum += difference.square().mean().sqrt().item<double>();
      ++pairs;
    }
  }
  return sum / static_cast<double>(pairs);
}

}  // namespace atelier::trainer
