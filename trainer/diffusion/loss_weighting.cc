#include "trainer/diffusion/loss_weighting.h"

namespace atelier::trainer {
namespace {

constexpr double kLargestSnr = 1000;  // sd-scripts, custom_train_functions.py

}  // namespace

Tensor MinSnrWeight(const Tensor& snr, double gamma, PredictionType type) {
  const Tensor capped = snr.clamp_max(gamma);
  return type == PredictionType::kEpsilon ? capped / snr : capped / (snr + 1);
}

Tensor VelocityLikeNoiseWeight(const Tensor& snr) {
  const Tensor capped = snr.clamp_max(kLargestSnr);
  return capped / (capped + 1);
}

Tensor NoiseLikeVelocityWeight(const Tensor& snr, double strength) {
  return 1 + strength / VelocityLikeNoiseWeight(snr);
}

Tensor DebiasedWeight(const Tensor& snr, PredictionType type) {
  const Tensor capped = snr.clamp_max(kLargestSnr);
  return type == PredictionType::kEpsilon ? capped.rsqrt() : 1 / (capped + 1);
}

Tensor TimestepWeight(const Tensor& snr, const DiffusionOptions& options) {
  Tensor weight = torch::ones_like(snr);
  if (options.min_snr_gamma > 0) {
    weight = weight *
             MinSnrWeight(snr, options.min_snr_gamma, options.prediction_type);
  }
  if (options.scale_v_pred_loss_like_noise_pred) {
    weight = weight * VelocityLikeNoiseWeight(snr);
  }
  if (options.v_pred_like_loss > 0) {
    weight = weight * NoiseLikeVelocityWeight(snr, options.v_pred_like_loss);
  }
  if (options.debiased_estimation_loss) {
    weight = weight * DebiasedWeight(snr, options.prediction_type);
  }
  return weight;
}

Tensor WithoutZeroSnr(const Tensor& snr_table) {
  const Tensor smallest = snr_table.masked_select(snr_table > 0).min();
  return torch::maximum(snr_table, smallest);
}

}  // namespace atelier::trainer
