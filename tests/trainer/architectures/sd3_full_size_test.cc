// Networks laid out from the names and shapes of the published checkpoints of
// SD3, SD3.5 and CLIP-G have just these tensors.
#include "gtest/gtest.h"

#include "tests/trainer/architectures/full_size_shapes.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/sd3/transformer.h"

namespace atelier::trainer::sd3_full_size_test {
namespace {

using ::atelier::trainer::testing::ExpectFullSize;
using ::atelier::trainer::testing::FullSizeIndex;

struct PublishedTransformer {
  std::string list;
  std::string variant;
  sd3::MmditConfig config;
};

TEST(Sd3FullSizeTest, LaysOutThePublishedTransformers) {
  sd3::MmditConfig medium;
  sd3::MmditConfig medium_35 = medium;
  medium_35.position_side = 384;
  medium_35.qk_norm = true;
  medium_35.dual_attention_blocks = 13;
  sd3::MmditConfig large_35 = medium;
  large_35.depth = 38;
  large_35.mlp_hidden = 9728;
  large_35.qk_norm = true;
  for (const auto& [list, variant, expected] :
       {PublishedTransformer{"sd3_medium", "SD3 Medium", medium},
        PublishedTransformer{"sd35_medium", "SD3.5 Medium", medium_35},
        PublishedTransformer{"sd35_large", "SD3.5 Large", large_35}}) {
    const TensorIndex index = FullSizeIndex(list);
    EXPECT_EQ(sd3::Detect(index), variant);
    const sd3::MmditConfig config = sd3::ReadMmditConfig(index, "");
    EXPECT_EQ(config.depth, expected.depth);
    EXPECT_EQ(config.position_side, expected.position_side);
    EXPECT_EQ(config.context_width, expected.context_width);
    EXPECT_EQ(config.pooled_width, expected.pooled_width);
    EXPECT_EQ(config.mlp_hidden, expected.mlp_hidden);
    EXPECT_EQ(config.qk_norm, expected.qk_norm);
    EXPECT_EQ(config.dual_attention_blocks, expected.dual_attention_blocks);
    ExpectFullSize(sd3::MmditImpl(config), index);
  }
}

TEST(Sd3FullSizeTest, LaysOutClipG) {
  const TensorIndex index = FullSizeIndex("clip_g");
  ExpectFullSize(
      ClipTextEncoder(ReadClipTextConfig(index, "text_model.", false), 1280),
      index);
}

}  // namespace
}  // namespace atelier::trainer::sd3_full_size_test
