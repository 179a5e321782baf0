#include "tests/trainer/architectures/tiny_sd3.h"

#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/sd3/transformer.h"
#include "trainer/text/t5_encoder.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::testing {
namespace {

ClipTextConfig TinyClipConfig() {
  ClipTextConfig config;
  config.layers = 2;
  config.width = 64;
  config.mlp_width = 64;
  config.vocabulary = 514;
  return config;
}

AutoencoderConfig TinyVaeConfig() {
  AutoencoderConfig config;
  config.latent_channels = 16;
  config.channels = {32, 32};
  config.encoder_blocks = 1;
  config.decoder_blocks = 2;
  config.has_quant_conv = false;
  return config;
}

T5Config TinyT5Config() {
  T5Config config;
  config.vocabulary = 128;
  config.width = 128;
  config.feed_forward = 64;
  config.heads = 1;
  config.layers = 2;
  return config;
}

}  // namespace

sd3::MmditConfig TinyMmditConfig() {
  sd3::MmditConfig config;
  config.depth = 2;
  config.position_side = 12;
  config.context_width = 128;
  config.pooled_width = 128;
  config.mlp_hidden = 128;
  return config;
}

std::map<std::string, Tensor> TinySd3Tensors(
    const sd3::MmditConfig& transformer) {
  std::map<std::string, Tensor> tensors;
  sd3::MmditImpl mmdit(transformer);
  AddRandomWeights(sd3::kMmditPrefix, mmdit, tensors);
  tensors["model.diffusion_model.pos_embed"] =
      torch::arange(mmdit.pos_embed.numel())
          .remainder(7)
          .div(8)
          .view(mmdit.pos_embed.sizes())
          .to(torch::kFloat16);
  AutoencoderKl vae(TinyVaeConfig());
  AddRandomWeights(sd3::kVaePrefix, vae, tensors);
  ClipTextEncoder clip_l(TinyClipConfig(), /*projection_width=*/0);
  AddRandomWeights(sd3::kClipLPrefix, clip_l, tensors);
  tensors
      ["text_encoders.clip_l.transformer.text_model.embeddings.position_"
       "ids"] = torch::arange(77).unsqueeze(0);
  ClipTextEncoder clip_g(TinyClipConfig(), /*projection_width=*/64);
  AddRandomWeights(sd3::kClipGPrefix, clip_g, tensors);
  T5Encoder t5(TinyT5Config());
  AddRandomWeights(sd3::kT5Prefix, *t5, tensors);
  tensors["text_encoders.t5xxl.transformer.encoder.embed_tokens.weight"] =
      tensors["text_encoders.t5xxl.transformer.shared.weight"];
  return tensors;
}

TinyArchitecture TinySd3() {
  sd3::MmditConfig config = TinyMmditConfig();
  config.qk_norm = true;
  config.dual_attention_blocks = 1;
  TinyArchitecture tiny;
  tiny.name = "sd3";
  tiny.tensors = TinySd3Tensors(config);
  tiny.part = "joint_blocks.1.x_block.mlp.";
  return tiny;
}

}  // namespace atelier::trainer::testing
