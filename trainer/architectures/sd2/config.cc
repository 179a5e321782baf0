#include "trainer/architectures/sd2/config.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::sd2 {

const LdmFamily& Family() {
  static const auto* const kFamily = [] {
    auto* family = new LdmFamily();
    family->name = "Stable Diffusion 2.x";
    family->detect = Detect;
    family->unet.has_attention = {true, true, true, false};
    family->unet.head_channels = 64;
    family->scaling = {0.18215, 0};  // as published in v2-inference.yaml
    LdmTextPlace text;
    text.what = "the text encoder";
    text.prefix = kTextPrefix;
    text.folder = "text_encoder";
    text.tokenizer = "tokenizer";
    text.pad_token = "!";
    text.is_open_clip = true;
    text.quick_gelu = false;
    text.unused_layers = 1;
    family->text = {text};
    family->pipeline = "StableDiffusionPipeline";
    family->scheduler = "DDIMScheduler";
    // 2.1 overflows in half precision without it.
    family->upcasts_attention = true;
    return family;
  }();
  return *kFamily;
}

std::optional<std::string> Detect(const TensorIndex& index) {
  if (IsDiffusersFolder(index)) {
    const bool is_other = HasPrefix(index, "unet/add_embedding.") ||
                          HasPrefix(index, "unet/class_embedding.") ||
                          HasPrefix(index, "text_encoder_2/") ||
                          !HasLinearProjection(index, "unet/");
    if (is_other || !HasPrefix(index, "unet/down_blocks.")) return {};
    return "Stable Diffusion 2.x, Diffusers folder";
  }
  const std::string unet = kLdmUnetPrefix;
  const bool is_other = HasPrefix(index, unet + "label_emb.") ||
                        HasPrefix(index, "conditioner.") ||
                        HasPrefix(index, "control_model.") ||
                        !HasLinearProjection(index, unet);
  if (is_other || !HasPrefix(index, unet + "input_blocks.")) return {};
  return "Stable Diffusion 2.x";
}

}  // namespace atelier::trainer::sd2
