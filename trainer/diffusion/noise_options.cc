#include "trainer/diffusion/noise_options.h"

#include <algorithm>
#include <cmath>

namespace atelier::trainer {

Tensor WithNoiseOffset(const Tensor& noise, const Tensor& latents,
                       const Tensor& draw, const Tensor& strength,
                       double adaptive_scale) {
  if (adaptive_scale == 0) return noise + strength * draw;
  const Tensor mean = latents.mean({2, 3}, /*keepdim=*/true).abs();
  return noise + (strength + adaptive_scale * mean).clamp_min(0) * draw;
}

std::vector<std::pair<int64_t, int64_t>> MultiresSizes(
    int64_t height, int64_t width, absl::Span<const double> uniform) {
  std::vector<std::pair<int64_t, int64_t>> sizes;
  for (size_t i = 0; i < uniform.size(); ++i) {
    const double ratio = std::pow(2 + 2 * uniform[i], static_cast<double>(i));
    const auto reduced = [ratio](int64_t side) {
      return std::max<int64_t>(1, static_cast<int64_t>(side / ratio));
    };
    sizes.emplace_back(reduced(height), reduced(width));
    if (sizes.back().first == 1 || sizes.back().second == 1) break;
  }
  return sizes;
}

Tensor WithMultiresNoise(const Tensor& noise, absl::Span<const Tensor> layers,
                         double discount) {
  Tensor sum = noise;
  double factor = 1;
  for (const Tensor& layer : layers) {
    sum =
        sum + torch::upsample_bilinear2d(layer, {noise.size(2), noise.size(3)},
                                         /*align_corners=*/false) *
                  factor;
    factor *= discount;
  }
  return sum / sum.std();
}

Tensor WithInputPerturbation(const Tensor& noise, const Tensor& draw,
                             const Tensor& strength) {
  return noise + strength * draw;
}

}  // namespace atelier::trainer
