#include "tests/trainer/option_effects/option_effect.h"

namespace atelier::trainer::testing {

std::vector<OptionEffect> ModelEffects() {
  const std::string texts = "--caption_extension .txt";
  return {
      {.option = "pretrained_model_name_or_path",
       .value = "@sd1.pretrained_model_name_or_path.other.safetensors"},
      {.option = "vae",
       .value = "@sd1.pretrained_model_name_or_path.other.safetensors"},
      {.option = "clip_skip", .value = "2"},
      {.option = "max_token_length", .value = "150"},
      {.option = "no_token_padding"},
      {.option = "no_half_vae",
       .with = "--mixed_precision bf16 --cache_latents"},
      {.option = "clip_l",
       .value = "@flux.clip_l.other.safetensors",
       .architecture = "flux"},
      {.option = "clip_g",
       .value = "@sd3.clip_g.other.safetensors",
       .architecture = "sd3"},
      {.option = "t5xxl",
       .value = "@flux.t5xxl.other.safetensors",
       .architecture = "flux"},
      {.option = "ae",
       .value = "@flux.ae.other.safetensors",
       .architecture = "flux"},
      {.option = "gemma2",
       .value = "Lumina2TextEncoderTest."
                "TakesGemmaFromAFolderOfShardsWithItsTokenizer",
       .seen = Seen::kTest},
      {.option = "t5xxl_max_token_length",
       .value = "8",
       .with = texts,
       .architecture = "flux"},
      {.option = "gemma2_max_token_length",
       .value = "8",
       .with = texts,
       .architecture = "lumina2"},
      {.option = "system_prompt", .value = "Draw.", .architecture = "lumina2"},
      {.option = "apply_lg_attn_mask", .architecture = "sd3"},
      {.option = "apply_t5_attn_mask", .architecture = "flux"},
      {.option = "v_parameterization", .architecture = "sd2"},
      {.option = "pos_emb_random_crop_rate",
       .value = "1",
       .architecture = "sd3"},
      {.option = "enable_scaled_pos_embed", .architecture = "sd3"},
  };
}

}  // namespace atelier::trainer::testing
