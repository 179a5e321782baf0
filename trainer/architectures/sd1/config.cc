#include "trainer/architectures/sd1/config.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::sd1 {

const LdmFamily& Family() {
  static const auto* const kFamily = [] {
    auto* family = new LdmFamily();
    family->name = "Stable Diffusion 1.x";
    family->detect = Detect;
    family->unet.has_attention = {true, true, true, false};
    family->unet.heads = 8;
    family->scaling = {0.18215, 0};  // as published in v1-inference.yaml
    LdmTextPlace text;
    text.what = "the text encoder";
    text.prefix = kTextPrefix;
    text.folder = "text_encoder";
    text.tokenizer = "tokenizer";
    text.pad_token = "<|endoftext|>";
    family->text = {text};
    family->pipeline = "StableDiffusionPipeline";
    family->scheduler = "DDIMScheduler";
    return family;
  }();
  return *kFamily;
}

std::optional<std::string> Detect(const TensorIndex& index) {
  if (IsDiffusersFolder(index)) {
    const bool is_other = HasPrefix(index, "unet/add_embedding.") ||
                          HasPrefix(index, "text_encoder_2/") ||
                          HasLinearProjection(index, "unet/");
    if (is_other || !HasPrefix(index, "unet/down_blocks.")) return {};
    return "Stable Diffusion 1.x, Diffusers folder";
  }
  const std::string unet = kLdmUnetPrefix;
  const bool is_other = HasPrefix(index, unet + "label_emb.") ||
                        HasPrefix(index, "cond_stage_model.model.") ||
                        HasPrefix(index, "conditioner.") ||
                        HasPrefix(index, "control_model.") ||
                        HasLinearProjection(index, unet);
  if (is_other || !HasPrefix(index, unet + "input_blocks.")) return {};
  return "Stable Diffusion 1.x";
}

}  // namespace atelier::trainer::sd1
