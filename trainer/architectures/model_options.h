// How to load and run a model; filled by train/model_options.cc from the
// options of the job, whose names the fields have.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/diffusion/options.h"

namespace atelier::trainer {

struct ModelOptions {
  std::string tokenizer_dir;  // folder with the tokenizers that deploy/setup.sh
                              // unpacked
  int clip_skip = 0;          // 0: as the architecture has it
  int max_token_length = 75;
  bool no_token_padding = false;
  bool weighted_captions = false;
  int t5xxl_max_token_length = 0;  // 0: as the architecture has it
  int gemma2_max_token_length = 256;
  std::string system_prompt;
  bool apply_lg_attn_mask = false;
  bool apply_t5_attn_mask = false;
  double clip_l_dropout_rate = 0;
  double clip_g_dropout_rate = 0;
  double t5_dropout_rate = 0;
  double guidance_scale = 3.5;
  double pos_emb_random_crop_rate = 0;
  bool enable_scaled_pos_embed = false;
  int64_t num_last_block_to_freeze = 0;
  // Sides of the dataset's resolutions in latent cells, sqrt(w * h) / 8, in
  // ascending order; read with enable_scaled_pos_embed.
  std::vector<int64_t> latent_sides;
  DiffusionOptions diffusion;
  FlowOptions flow;
};

}  // namespace atelier::trainer
