// Networks laid out from the names and shapes of the published checkpoints of
// Stable Diffusion 1, 2 and XL have just these tensors.
#include "gtest/gtest.h"

#include "tests/trainer/architectures/full_size_shapes.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/architectures/sd1/config.h"
#include "trainer/architectures/sd2/config.h"
#include "trainer/architectures/sdxl/config.h"
#include "trainer/text/openclip_keys.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::ldm_full_size_test {
namespace {

using ::atelier::trainer::testing::ExpectFullSize;
using ::atelier::trainer::testing::FullSizeIndex;

// The names that begin with this, without it.
TensorIndex Part(const TensorIndex& index, const std::string& prefix) {
  TensorIndex part;
  for (const auto& [name, info] : index) {
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = info;
  }
  return part;
}

LdmUnetConfig ExpectUnetAndVae(const TensorIndex& index,
                               const LdmFamily& family) {
  const LdmUnetConfig config =
      ReadLdmUnetConfig(index, kLdmUnetPrefix, family.unet);
  ExpectFullSize(LdmUnet(config), Part(index, kLdmUnetPrefix));
  ExpectFullSize(AutoencoderKl(ReadAutoencoderConfig(index, kLdmVaePrefix,
                                                     family.scaling)),
                 Part(index, kLdmVaePrefix));
  return config;
}

// In Hugging Face's names, as the module has them.
TensorIndex OpenClipInModuleNames(const TensorIndex& index) {
  std::map<std::string, Tensor> shapes;
  for (const auto& [name, info] : index) {
    shapes[name] = torch::empty(info.shape, torch::kMeta);
  }
  const KeyMap keys = KeyMap::Make(OpenClipKeys("", "")).value();
  TensorIndex result;
  const auto tensors = keys.Apply(shapes, KeyDirection::kBackward).value();
  for (const auto& [name, tensor] : tensors) {
    result[name].shape = tensor.sizes().vec();
  }
  return result;
}

TEST(LdmFullSizeTest, LaysOutTheFirstGeneration) {
  const TensorIndex index = FullSizeIndex("sd1");
  EXPECT_TRUE(sd1::Detect(index).has_value());
  EXPECT_FALSE(sd2::Detect(index).has_value());
  const LdmUnetConfig config = ExpectUnetAndVae(index, sd1::Family());
  EXPECT_EQ(config.context_channels, 768);
  const TensorIndex text = Part(index, sd1::kTextPrefix);
  ExpectFullSize(ClipTextModel(ReadClipTextConfig(text, "text_model.", true)),
                 text);
}

TEST(LdmFullSizeTest, LaysOutTheSecondGeneration) {
  const TensorIndex index = FullSizeIndex("sd2");
  EXPECT_TRUE(sd2::Detect(index).has_value());
  EXPECT_FALSE(sd1::Detect(index).has_value());
  const LdmUnetConfig config = ExpectUnetAndVae(index, sd2::Family());
  EXPECT_TRUE(config.linear_projection);
  EXPECT_EQ(config.context_channels, 1024);
  TensorIndex text = Part(index, sd2::kTextPrefix);
  const ClipTextConfig text_config = ReadOpenClipConfig(text, "");
  EXPECT_EQ(text_config.layers, 24);
  text.erase("text_projection");
  text.erase("logit_scale");
  ExpectFullSize(ClipTextModel(text_config), OpenClipInModuleNames(text));
}

TEST(LdmFullSizeTest, LaysOutXl) {
  const TensorIndex index = FullSizeIndex("sdxl");
  EXPECT_TRUE(sdxl::Detect(index).has_value());
  const LdmUnetConfig config = ExpectUnetAndVae(index, sdxl::Family());
  EXPECT_EQ(config.depths, std::vector<int64_t>({0, 2, 10}));
  EXPECT_EQ(config.middle_depth, 10);
  EXPECT_EQ(config.label_channels, 2816);
  const TensorIndex clip_l = Part(index, sdxl::kClipLPrefix);
  ExpectFullSize(ClipTextModel(ReadClipTextConfig(clip_l, "text_model.", true)),
                 clip_l);
  TensorIndex clip_g = Part(index, sdxl::kClipGPrefix);
  clip_g.erase("logit_scale");
  ExpectFullSize(ClipTextEncoder(ReadOpenClipConfig(clip_g, ""), 1280),
                 OpenClipInModuleNames(clip_g));
}

}  // namespace
}  // namespace atelier::trainer::ldm_full_size_test
