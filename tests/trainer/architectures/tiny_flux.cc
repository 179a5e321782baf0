#include "tests/trainer/architectures/tiny_flux.h"

#include "trainer/architectures/flux/transformer.h"
#include "trainer/text/clip_text_model.h"
#include "trainer/text/t5_encoder.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::testing {
namespace {

flux::FluxConfig TinyFluxConfig() {
  flux::FluxConfig config;
  config.hidden = flux::kHeadDim;
  config.heads = 1;
  config.mlp_hidden = 4 * config.hidden;
  config.double_blocks = 2;
  config.single_blocks = 2;
  config.in_channels = 16;  // 4 latent channels
  config.context_width = 64;
  config.pooled_width = 64;
  return config;
}

}  // namespace

std::map<std::string, Tensor> TinyFluxTensors(bool has_guidance) {
  flux::FluxConfig config = TinyFluxConfig();
  config.has_guidance = has_guidance;
  flux::FluxImpl transformer(config);
  std::map<std::string, Tensor> tensors;
  AddRandomWeights("", transformer, tensors);
  for (auto& [name, tensor] : tensors) {
    // The factors of the norms of queries and keys.
    if (name.ends_with(".scale")) tensor = tensor + 1;
    tensor = tensor.to(torch::kBFloat16);
  }
  return tensors;
}

std::map<std::string, std::map<std::string, Tensor>> TinyFluxComponents() {
  ClipTextConfig clip;
  clip.layers = 2;
  clip.width = 64;
  clip.mlp_width = 64;
  clip.vocabulary = 514;
  T5Config t5;
  t5.vocabulary = 128;
  t5.width = 64;
  t5.feed_forward = 64;
  t5.heads = 1;
  t5.layers = 2;
  AutoencoderConfig ae;
  ae.channels = {32, 32};
  ae.encoder_blocks = 1;
  ae.decoder_blocks = 2;
  ae.has_quant_conv = false;

  ClipTextModel clip_module(clip);
  T5Encoder t5_module(t5);
  AutoencoderKl ae_module(ae);
  std::map<std::string, std::map<std::string, Tensor>> components;
  AddRandomWeights("", clip_module, components["clip_l"]);
  AddRandomWeights("", *t5_module, components["t5xxl"]);
  AddRandomWeights("", ae_module, components["ae"]);
  return components;
}

TinyArchitecture TinyFlux() {
  return {"flux", TinyFluxTensors(), TinyFluxComponents(), ".0.img_attn."};
}

}  // namespace atelier::trainer::testing
