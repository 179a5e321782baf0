#include "trainer/vae/autoencoder_kl.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/vae/keys.h"

namespace atelier::trainer {
namespace {

AutoencoderConfig TinyVaeConfig() {
  AutoencoderConfig config;
  config.channels = {32, 64};
  config.encoder_blocks = 1;
  config.decoder_blocks = 2;
  config.scaling = {0.5, 0.25};
  return config;
}

std::shared_ptr<AutoencoderKl> TinyVae() {
  auto vae = std::make_shared<AutoencoderKl>(TinyVaeConfig());
  torch::manual_seed(5);
  for (Tensor& parameter : vae->parameters()) parameter.normal_(0, 0.05);
  return vae;
}

TensorIndex IndexOf(const torch::nn::Module& module) {
  TensorIndex index;
  for (const auto& parameter : module.named_parameters()) {
    index["vae." + parameter.key()] = {torch::kFloat32,
                                       parameter.value().sizes().vec(), 0};
  }
  return index;
}

TEST(AutoencoderKlTest, ReadsItsSizesOffTheTensors) {
  const AutoencoderConfig config =
      ReadAutoencoderConfig(IndexOf(*TinyVae()), "vae.", {1, 0});
  EXPECT_EQ(config.channels, TinyVaeConfig().channels);
  EXPECT_EQ(config.encoder_blocks, 1);
  EXPECT_EQ(config.decoder_blocks, 2);
  EXPECT_TRUE(config.has_quant_conv);
}

TEST(AutoencoderKlTest, EncodesAndDecodesCells) {
  const auto vae = TinyVae();
  const Tensor moments = vae->Moments(torch::zeros({2, 3, 6, 10}));
  EXPECT_EQ(moments.sizes(), at::IntArrayRef({2, 8, 3, 5}));
  EXPECT_EQ(vae->Decode(AutoencoderKl::PosteriorMode(moments)).sizes(),
            at::IntArrayRef({2, 3, 6, 10}));
}

TEST(AutoencoderKlTest, RefusesImagesThatCellsDoNotDivide) {
  EXPECT_THROW(TinyVae()->Moments(torch::zeros({1, 3, 7, 8})), c10::Error);
}

TEST(AutoencoderKlTest, UndoesItsScaling) {
  const Tensor latents = torch::randn({1, 4, 2, 2});
  const auto vae = TinyVae();
  EXPECT_TRUE(vae->Scale(latents).equal((latents - 0.25) * 0.5));
  EXPECT_TRUE(torch::allclose(vae->Unscale(vae->Scale(latents)), latents));
}

TEST(AutoencoderKlTest, WorksInHalfPrecisionAndReturnsFp32) {
  const auto vae = TinyVae();
  vae->to(torch::kBFloat16);
  const Tensor moments = vae->Moments(torch::zeros({1, 3, 4, 4}));
  EXPECT_EQ(moments.scalar_type(), torch::kFloat32);
  EXPECT_EQ(vae->Decode(torch::zeros({1, 4, 2, 2})).scalar_type(),
            torch::kFloat32);
}

TEST(AutoencoderKeysTest, TurnLinearAttentionIntoConvolutionsAndBack) {
  const KeyMap keys = KeyMap::Make(AutoencoderDiffusersKeys(2, "", "")).value();
  std::map<std::string, Tensor> original;
  for (const auto& parameter : TinyVae()->named_parameters()) {
    original[parameter.key()] = parameter.value();
  }
  const auto diffusers =
      keys.Apply(original, KeyMap::Direction::kBackward).value();
  EXPECT_EQ(diffusers.at("encoder.mid_block.attentions.0.to_q.weight").dim(),
            2);
  const auto again = keys.Apply(diffusers, KeyMap::Direction::kForward).value();
  ASSERT_EQ(again.size(), original.size());
  for (const auto& [name, tensor] : original) {
    EXPECT_TRUE(again.at(name).equal(tensor)) << name;
  }
}

TEST(AutoencoderKeysTest, KnowTheOlderNamesOfAttention) {
  const KeyMap keys =
      KeyMap::Make(AutoencoderDiffusersKeys(4, "", "x.")).value();
  const auto plan =
      keys.MakePlan({"decoder.mid_block.attentions.0.proj_attn.weight"},
                    KeyMap::Direction::kForward)
          .value();
  EXPECT_EQ(plan.targets.begin()->first,
            "x.decoder.mid.attn_1.proj_out.weight");
}

}  // namespace
}  // namespace atelier::trainer
