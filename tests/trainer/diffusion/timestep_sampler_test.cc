#include "trainer/diffusion/timestep_sampler.h"

#include "gtest/gtest.h"

namespace atelier::trainer::timestep_sampler_test {
namespace {

using Range = std::pair<int64_t, int64_t>;

// The least and the greatest timestep that uniform draws can give.
Range Ends(int64_t min_timestep, int64_t max_timestep) {
  DiffusionOptions options;
  options.min_timestep = min_timestep;
  options.max_timestep = max_timestep;
  const Tensor timesteps =
      TimestepsFrom(torch::tensor({0.0f, 1 - 0x1p-24f}), options);
  return {timesteps[0].item<int64_t>(), timesteps[1].item<int64_t>()};
}

TEST(TimestepSamplerTest, UpperBoundIsExclusive) {
  EXPECT_EQ(Ends(0, 1000), Range(0, 999));
  EXPECT_EQ(Ends(100, 900), Range(100, 899));
}

TEST(TimestepSamplerTest, EmptyRangeGivesItsUpperBound) {
  EXPECT_EQ(Ends(500, 500), Range(500, 500));
  EXPECT_EQ(Ends(600, 500), Range(500, 500));
}

TEST(TimestepSamplerTest, NothingLeavesTheSchedule) {
  EXPECT_EQ(Ends(1000, 1000), Range(999, 999));
  EXPECT_EQ(Ends(-5, 5000), Range(0, 999));
}

TEST(TimestepSamplerTest, EveryTimestepIsDrawnEquallyOften) {
  DiffusionOptions options;
  options.min_timestep = 10;
  options.max_timestep = 14;
  const Tensor draws = (torch::arange(400, torch::kFloat32) + 0.5) / 400;
  const Tensor counts = torch::bincount(TimestepsFrom(draws, options));
  EXPECT_TRUE(counts.slice(0, 10).equal(torch::full({4}, 100, torch::kInt64)));
}

}  // namespace
}  // namespace atelier::trainer::timestep_sampler_test
