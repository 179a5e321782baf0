#include "trainer/diffusion/loss_weighting.h"

#include "gtest/gtest.h"

#include "trainer/diffusion/noise_schedule.h"

namespace atelier::trainer::loss_weighting_test {
namespace {

TEST(LossWeightingTest, NoOptionWeighsEverySampleOne) {
  const Tensor snr = torch::tensor({0.01f, 1.0f, 300.0f});
  EXPECT_TRUE(TimestepWeight(snr, {}).equal(torch::ones({3})));
}

TEST(LossWeightingTest, WeightsMultiply) {
  DiffusionOptions options;
  options.prediction_type = PredictionType::kVelocity;
  options.min_snr_gamma = 5;
  options.scale_v_pred_loss_like_noise_pred = true;
  options.debiased_estimation_loss = true;
  const Tensor snr = torch::tensor({0.01f, 1.0f, 300.0f});
  const Tensor expected = MinSnrWeight(snr, 5, PredictionType::kVelocity) *
                          VelocityLikeNoiseWeight(snr) *
                          DebiasedWeight(snr, PredictionType::kVelocity);
  EXPECT_TRUE(TimestepWeight(snr, options).allclose(expected));
}

TEST(LossWeightingTest, NoWeightIsInfiniteWithoutZeros) {
  DiffusionOptions options;
  options.min_snr_gamma = 5;
  options.v_pred_like_loss = 0.1;
  options.debiased_estimation_loss = true;
  const Tensor table = WithoutZeroSnr(MakeNoiseSchedule(true).snr);
  EXPECT_TRUE(TimestepWeight(table, options).isfinite().all().item<bool>());
  EXPECT_EQ(table[-1].item<float>(), table[-2].item<float>());
}

}  // namespace
}  // namespace atelier::trainer::loss_weighting_test
