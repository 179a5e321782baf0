#include "trainer/architectures/known_checkpoints.h"

#include <string_view>

#include "absl/strings/str_cat.h"

namespace atelier::trainer {
namespace {

struct KnownCheckpoint {
  std::string_view sign;  // stands in one of the names at least
  std::string_view words;
};

// The first that matches counts: additions before models, whole models before
// their parts.
constexpr KnownCheckpoint kKnownCheckpoints[] = {
    {"lora_down", "a LoRA, which is an addition to a model"},
    {"lora_A", "a LoRA, which is an addition to a model"},
    {"hada_w1_a", "a LoHa, which is an addition to a model"},
    {"control_model.", "a ControlNet"},
    {"joint_blocks.", "Stable Diffusion 3"},
    {"text_encoder_3/", "Stable Diffusion 3"},
    {"cap_embedder.", "Lumina Image 2"},
    {"caption_embedder.", "Lumina Image 2"},
    {"distilled_guidance_layer.", "Chroma"},
    {"double_blocks.", "FLUX.1"},
    {"single_transformer_blocks.", "FLUX.1"},
    {"conditioner.embedders.1.", "Stable Diffusion XL"},
    {"diffusion_model.label_emb.", "Stable Diffusion XL"},
    {"add_embedding.", "Stable Diffusion XL"},
    {"conditioner.embedders.", "the refiner of Stable Diffusion XL"},
    {"cond_stage_model.model.", "Stable Diffusion 2"},
    {"diffusion_model.input_blocks.", "a latent diffusion U-Net"},
    {"unet/down_blocks.", "a Diffusers folder with a U-Net"},
    {"transformer/", "a Diffusers folder with a transformer"},
    {"down_blocks.0.attentions.", "a Diffusers U-Net alone"},
    {"input_blocks.", "a U-Net alone"},
    {"encoder.down", "an autoencoder (VAE) alone"},
    {"decoder.up", "an autoencoder (VAE) alone"},
    {"text_model.encoder.layers.", "a CLIP text encoder alone"},
    {"transformer.resblocks.", "an OpenCLIP text encoder alone"},
    {"encoder.block.0.layer.", "a T5 text encoder"},
    {"model.layers.0.self_attn.", "a language model"},
};

}  // namespace

std::string DescribeCheckpoint(const TensorIndex& index) {
  for (const KnownCheckpoint& known : kKnownCheckpoints) {
    for (const auto& [name, info] : index) {
      if (name.find(known.sign) == std::string::npos) continue;
      return std::string(known.words);
    }
  }
  if (index.empty()) return "a file without tensors";
  return absl::StrCat("an unknown architecture (", index.size(),
                      " tensors, the first is `", index.begin()->first, "`)");
}

}  // namespace atelier::trainer
