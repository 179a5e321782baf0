#include "tests/trainer/architectures/tiny_ldm.h"

#include <vector>

#include "absl/strings/str_cat.h"

#include "tests/trainer/architectures/tiny_model.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/architectures/sd1/config.h"
#include "trainer/architectures/sd2/config.h"
#include "trainer/architectures/sdxl/config.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::testing {
namespace {

using TensorMap = std::map<std::string, Tensor>;

constexpr int64_t kTextWidth = 64;
constexpr int kVaeLevels = 2;

ClipTextConfig TinyClip(int64_t layers, bool quick_gelu) {
  ClipTextConfig text;
  text.layers = layers;
  text.width = kTextWidth;
  text.mlp_width = 64;
  text.vocabulary = 514;
  text.quick_gelu = quick_gelu;
  return text;
}

// Adds the U-Net and the autoencoder of a family.
void AddParts(const LdmUnetConfig& unet, TensorMap& tensors) {
  AutoencoderConfig vae;
  vae.channels = std::vector<int64_t>(kVaeLevels, 32);
  vae.encoder_blocks = 1;
  vae.decoder_blocks = 2;
  LdmUnet unet_module(unet);
  AutoencoderKl vae_module(vae);
  AddRandomWeights(kLdmUnetPrefix, unet_module, tensors);
  AddRandomWeights(kLdmVaePrefix, vae_module, tensors);
}

void AddText(const LdmTextPlace& place, const ClipTextConfig& config,
             TensorMap& tensors) {
  ClipTextEncoder text(config, place.has_projection ? kTextWidth : 0);
  TensorMap weights;
  AddRandomWeights("", text, weights);
  const KeyMap keys = KeyMap::Make(LdmTextKeys(place, "")).value();
  tensors.merge(keys.Apply(weights, KeyDirection::kForward).value());
}

LdmUnetConfig TinyUnet(const LdmFamily& family) {
  LdmUnetConfig unet;
  unet.model_channels = 32;
  unet.time_channels = 32;
  unet.context_channels = kTextWidth;
  unet.heads = family.unet.heads;
  unet.head_channels = family.unet.head_channels;
  return unet;
}

// The tensors of a single file that a Diffusers folder has too.
TensorMap FolderOf(const LdmFamily& family, const TensorMap& tensors) {
  TensorIndex levels;
  for (int level = 0; level < kVaeLevels; ++level) {
    levels[absl::StrCat("vae/encoder.down_blocks.", level,
                        ".resnets.0.conv1.weight")] = {};
  }
  const KeyMap keys = KeyMap::Make(LdmDiffusersKeys(family, levels)).value();
  TensorMap folder;
  for (const auto& [name, tensor] : tensors) {
    const auto plan = keys.MakePlan({name}, KeyDirection::kBackward).value();
    if (!plan.unmatched.empty()) continue;
    folder.merge(keys.Apply({{name, tensor}}, KeyDirection::kBackward).value());
  }
  return folder;
}

}  // namespace

TensorMap TinySd1Tensors() {
  LdmUnetConfig unet = TinyUnet(sd1::Family());
  unet.channels = {32, 32, 64, 64};
  unet.depths = {1, 1, 1, 0};
  TensorMap tensors;
  AddParts(unet, tensors);
  AddText(sd1::Family().text[0], TinyClip(2, true), tensors);
  tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] =
      torch::arange(77).unsqueeze(0);
  tensors["model_ema.decay"] = torch::tensor(0.5);
  return tensors;
}

TensorMap TinySd2Tensors() {
  LdmUnetConfig unet = TinyUnet(sd2::Family());
  unet.channels = {64, 64, 64, 64};
  unet.model_channels = 64;
  unet.depths = {1, 1, 1, 0};
  unet.linear_projection = true;
  TensorMap tensors;
  AddParts(unet, tensors);
  AddText(sd2::Family().text[0], TinyClip(3, false), tensors);
  tensors["cond_stage_model.model.text_projection"] =
      torch::ones({kTextWidth, kTextWidth}, torch::kFloat16);
  tensors["cond_stage_model.model.logit_scale"] = torch::tensor(1.5);
  tensors["alphas_cumprod"] = torch::linspace(1, 0, 1000);
  return tensors;
}

TensorMap TinySdxlTensors() {
  LdmUnetConfig unet = TinyUnet(sdxl::Family());
  unet.channels = {32, 64, 64};
  unet.depths = {0, 1, 2};
  unet.middle_depth = 2;
  unet.context_channels = 2 * kTextWidth;
  unet.label_channels = kTextWidth + 6 * 256;
  unet.linear_projection = true;
  TensorMap tensors;
  AddParts(unet, tensors);
  AddText(sdxl::Family().text[0], TinyClip(2, true), tensors);
  AddText(sdxl::Family().text[1], TinyClip(3, false), tensors);
  tensors
      ["conditioner.embedders.0.transformer.text_model.embeddings."
       "position_ids"] = torch::arange(77).unsqueeze(0);
  tensors["conditioner.embedders.1.model.logit_scale"] = torch::tensor(1.5);
  tensors["denoiser.sigmas"] = torch::linspace(1, 0, 1000);
  return tensors;
}

TensorMap TinySd2Folder() {
  TensorMap tensors = TinySd2Tensors();
  std::erase_if(tensors, [](const auto& entry) {
    return entry.first.find(".resblocks.2.") != std::string::npos ||
           entry.first.find("text_projection") != std::string::npos;
  });
  return FolderOf(sd2::Family(), tensors);
}

TensorMap TinySdxlFolder() {
  return FolderOf(sdxl::Family(), TinySdxlTensors());
}

}  // namespace atelier::trainer::testing
