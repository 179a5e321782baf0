// Networks laid out from the names and shapes of the published checkpoints of
// Lumina Image 2 and Gemma 2 2B have just these tensors.
#include "gtest/gtest.h"

#include "tests/trainer/architectures/full_size_shapes.h"
#include "trainer/architectures/lumina2/transformer.h"
#include "trainer/text/gemma2.h"

namespace atelier::trainer::lumina2_full_size_test {
namespace {

using ::atelier::trainer::testing::ExpectFullSize;
using ::atelier::trainer::testing::FullSizeIndex;

TEST(Lumina2FullSizeTest, LaysOutTheTransformer) {
  const TensorIndex index = FullSizeIndex("lumina2");
  EXPECT_EQ(lumina2::Detect(index), "Lumina Image 2");
  const lumina2::NextDitConfig config =
      lumina2::ReadNextDitConfig(index, lumina2::FindNextDit(index).value());
  EXPECT_EQ(config.heads, 24);
  EXPECT_EQ(config.key_value_heads, 8);
  EXPECT_EQ(config.layers, 26);
  ExpectFullSize(lumina2::NextDitImpl(config), index);
}

TEST(Lumina2FullSizeTest, LaysOutGemma2) {
  const TensorIndex index = FullSizeIndex("gemma2_2b");
  const auto config = Gemma2Config::FromIndex(index, "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->layers, 26);
  EXPECT_EQ(config->heads, 8);
  EXPECT_EQ(config->key_value_heads, 4);
  ExpectFullSize(*Gemma2(*config), index);
}

}  // namespace
}  // namespace atelier::trainer::lumina2_full_size_test
