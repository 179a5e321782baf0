#include "trainer/tensor/rng.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using Block = std::array<uint32_t, 4>;

// The published known answers of Random123 (kat_vectors, philox4x32 10).
TEST(PhiloxTest, GivesTheKnownAnswers) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                       {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

std::vector<uint32_t> Draw(Rng rng, int count) {
  std::vector<uint32_t> values;
  for (int i = 0; i < count; ++i) values.push_back(rng.NextUint32());
  return values;
}

TEST(RngTest, TheSameStreamGivesTheSameNumbers) {
  EXPECT_EQ(Draw(Rng(7, RngPurpose::kNoise, 3, 4), 9),
            Draw(Rng(7, RngPurpose::kNoise, 3, 4), 9));
}

TEST(RngTest, EveryPartOfTheStreamsNameMatters) {
  constexpr uint64_t kHigh = uint64_t{1} << 32;
  const std::set<std::vector<uint32_t>> streams = {
      Draw(Rng(7, RngPurpose::kNoise, 3, 4), 4),
      Draw(Rng(8, RngPurpose::kNoise, 3, 4), 4),
      Draw(Rng(7, RngPurpose::kTimestep, 3, 4), 4),
      Draw(Rng(7, RngPurpose::kNoise, 4, 3), 4),
      Draw(Rng(7, RngPurpose::kNoise, 3 + kHigh, 4), 4),
      Draw(Rng(7, RngPurpose::kNoise, 3, 4 + kHigh), 4),
      Draw(Rng(7 + kHigh, RngPurpose::kNoise, 3, 4), 4)};
  EXPECT_EQ(streams.size(), 7u);
}

TEST(RngTest, UniformNumbersLieInTheUnitIntervalAroundOneHalf) {
  Rng rng(1, RngPurpose::kTimestep, 0, 0);
  double sum = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = rng.Uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
  }
  // Five standard errors of a mean of 20,000 uniform numbers.
  EXPECT_NEAR(sum / 20000, 0.5, 5 * std::sqrt(1 / 12.0 / 20000));
}

TEST(RngTest, NormalNumbersHaveMeanZeroAndVarianceOne) {
  Rng rng(1, RngPurpose::kNoise, 0, 0);
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < 20000; ++i) {
    const double value = rng.Normal();
    sum += value;
    squares += value * value;
  }
  EXPECT_NEAR(sum / 20000, 0, 5 / std::sqrt(20000));
  EXPECT_NEAR(squares / 20000, 1, 5 * std::sqrt(2.0 / 20000));
}

TEST(RngTest, BelowReachesEveryNumberAndNoOther) {
  Rng rng(1, RngPurpose::kEpochOrder, 0, 0);
  std::vector<int> counts(7);
  for (int i = 0; i < 7000; ++i) ++counts.at(rng.Below(7));
  for (int count : counts) EXPECT_NEAR(count, 1000, 200);
  EXPECT_EQ(rng.Below(1), 0u);
}

}  // namespace
}  // namespace atelier::trainer
