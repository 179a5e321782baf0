// Names of a Stable Diffusion 1.x model in the Diffusers layout to those of the
// original single file, and the older form of the text encoder's names.
#pragma once

#include <vector>

#include "trainer/checkpoint/key_rule.h"

namespace atelier::trainer::sd1 {

// `unet/conv_in.weight` -> `model.diffusion_model.input_blocks.0.0.weight`, and
// so on for `vae/` and `text_encoder/`. The autoencoder has `vae_levels`.
std::vector<KeyRule> DiffusersKeys(int64_t vae_levels);

// `embeddings.…` -> `text_model.embeddings.…`: what single files without
// `text_model.` lack.
std::vector<KeyRule> BareTextKeys();

}  // namespace atelier::trainer::sd1
