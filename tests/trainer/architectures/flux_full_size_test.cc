// Networks laid out from the names and shapes of the published checkpoints of
// FLUX.1 and its text encoders have just these tensors.
#include "gtest/gtest.h"

#include "tests/trainer/architectures/full_size_shapes.h"
#include "trainer/architectures/flux/transformer.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/text/t5_encoder.h"

namespace atelier::trainer::flux_full_size_test {
namespace {

using ::atelier::trainer::testing::ExpectFullSize;
using ::atelier::trainer::testing::FullSizeIndex;

TEST(FluxFullSizeTest, LaysOutDevAndSchnell) {
  for (const bool is_dev : {true, false}) {
    const TensorIndex index =
        FullSizeIndex(is_dev ? "flux_dev" : "flux_schnell");
    EXPECT_EQ(flux::Detect(index), is_dev ? "FLUX.1 dev" : "FLUX.1 schnell");
    const flux::FluxConfig config =
        flux::ReadFluxConfig(index, flux::FindFlux(index).value());
    EXPECT_EQ(config.double_blocks, 19);
    EXPECT_EQ(config.single_blocks, 38);
    ExpectFullSize(flux::FluxImpl(config), index);
  }
}

TEST(FluxFullSizeTest, LaysOutT5Xxl) {
  const TensorIndex index = FullSizeIndex("t5xxl");
  ExpectFullSize(*T5Encoder(ReadT5Config(index, "")), index);
}

TEST(FluxFullSizeTest, LaysOutClipL) {
  const TensorIndex index = FullSizeIndex("clip_l");
  ExpectFullSize(ClipTextModel(ReadClipTextConfig(index, "text_model.", true)),
                 index);
}

}  // namespace
}  // namespace atelier::trainer::flux_full_size_test
