#include "trainer/optim/element/number_format.h"

#include <cmath>

#include "gtest/gtest.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {
namespace {

TEST(NumberFormatTest, EveryHalfIsReadAndWrittenAsLibTorchDoes) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    const at::Half reference(half, at::Half::from_bits());
    const float value = FromFloat16(half);
    if (std::isnan(static_cast<float>(reference))) {
      EXPECT_TRUE(std::isnan(value)) << bits;
      continue;
    }
    ASSERT_EQ(value, static_cast<float>(reference)) << bits;
    ASSERT_EQ(ToFloat16(value), half) << bits;
  }
}

TEST(NumberFormatTest, NumbersBetweenHalvesAreRoundedAsLibTorchDoes) {
  for (uint32_t i = 0; i < 2000000; ++i) {
    const float value = FromBits(RandomBits(3, i));
    if (std::isnan(value)) continue;
    ASSERT_EQ(ToFloat16(value), at::Half(value).x) << value;
  }
}

TEST(NumberFormatTest, NumbersThatBf16HoldsStayWhateverIsDrawn) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = FromBfloat16(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FromBfloat16(ToBfloat16(value, 0xFFFF))));
      continue;
    }
    ASSERT_EQ(ToBfloat16(value, 0xFFFF), bits);
    ASSERT_EQ(ToBfloat16(value, 0), bits);
  }
}

TEST(NumberFormatTest, RoundingToBf16IsUpAsOftenAsTheRestSays) {
  constexpr int kDraws = 100000;
  const float low = 1.0f;
  const float high = FromBits(BitsOf(1.0f) + 0x10000u);
  for (const float share : {0.1f, 0.5f, 0.9f}) {
    const float value = low + share * (high - low);
    int up = 0;
    for (uint32_t i = 0; i < kDraws; ++i) {
      up += FromBfloat16(ToBfloat16(value, RandomBits(11, i))) == high;
    }
    EXPECT_NEAR(static_cast<double>(up) / kDraws, share, 0.01);
    up = 0;
    for (uint32_t i = 0; i < kDraws; ++i) {
      up += FromBfloat16(ToBfloat16(-value, RandomBits(12, i))) == -high;
    }
    EXPECT_NEAR(static_cast<double>(up) / kDraws, share, 0.01);
  }
}

}  // namespace
}  // namespace atelier::trainer
