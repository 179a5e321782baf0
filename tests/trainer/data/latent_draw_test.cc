#include "trainer/data/latent_draw.h"

#include <cmath>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

TEST(SampleMomentsTest, NoiseHasThePosteriorsDeviation) {
  const Tensor moments = torch::cat(
      {torch::full({1, 64, 64}, 3.0), torch::full({1, 64, 64}, -1.0)});
  const Tensor latents = SampleMoments(moments, 1, 0, 5);
  EXPECT_NEAR(latents.mean().item<double>(), 3, 0.05);
  EXPECT_NEAR(latents.std().item<double>(), std::exp(-0.5), 0.03);
  EXPECT_TRUE(torch::equal(latents, SampleMoments(moments, 1, 0, 5)));
  EXPECT_FALSE(torch::equal(latents, SampleMoments(moments, 1, 0, 6)));
  EXPECT_FALSE(torch::equal(latents, SampleMoments(moments, 1, 0, 5, 1)));
}

TEST(CanBeDrawnFromTest, ToleratesTheDrawAndRoundingButNotOtherLatents) {
  const Tensor mean = torch::randn({4, 8, 8});
  const Tensor moments = torch::cat({mean, torch::full_like(mean, -10)});
  EXPECT_TRUE(CanBeDrawnFrom(SampleMoments(moments, 1, 0, 5), moments));
  EXPECT_TRUE(
      CanBeDrawnFrom(mean.to(torch::kFloat16).to(torch::kFloat32), moments));
  EXPECT_FALSE(CanBeDrawnFrom(torch::randn({4, 8, 8}), moments));
  EXPECT_FALSE(CanBeDrawnFrom(mean.slice(1, 0, 4), moments));
}

}  // namespace
}  // namespace atelier::trainer
