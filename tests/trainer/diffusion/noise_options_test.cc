#include "trainer/diffusion/noise_options.h"

#include "gtest/gtest.h"

namespace atelier::trainer::noise_options_test {
namespace {

TEST(MultiresSizesTest, FirstLayerIsFullSizeAndTheLastHasASideOfOne) {
  const std::vector<double> uniform(20, 0.5);
  const auto sizes = MultiresSizes(64, 16, uniform);
  EXPECT_EQ(sizes.front(), std::pair(int64_t{64}, int64_t{16}));
  EXPECT_EQ(sizes.back().second, 1);
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    EXPECT_GT(sizes[i].second, 1);
  }
}

TEST(MultiresSizesTest, IterationsBoundTheLayers) {
  EXPECT_EQ(MultiresSizes(512, 512, {0.1, 0.1}).size(), 2u);
}

TEST(WithMultiresNoiseTest, ResultHasUnitDeviation) {
  torch::manual_seed(1);
  const Tensor noise = torch::randn({1, 4, 16, 16});
  const std::vector<Tensor> layers = {torch::randn({1, 4, 16, 16}),
                                      torch::randn({1, 4, 5, 5})};
  EXPECT_NEAR(WithMultiresNoise(noise, layers, 0.3).std().item<double>(), 1,
              1e-5);
}

TEST(WithNoiseOffsetTest, NegativeStrengthCountsAsZero) {
  const Tensor noise = torch::zeros({1, 2, 4, 4});
  const Tensor latents = torch::ones({1, 2, 4, 4});
  const Tensor result = WithNoiseOffset(
      noise, latents, torch::ones({1, 2, 1, 1}), torch::tensor(0.1), -1);
  EXPECT_TRUE(result.equal(noise));
}

}  // namespace
}  // namespace atelier::trainer::noise_options_test
