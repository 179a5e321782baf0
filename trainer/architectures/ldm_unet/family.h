// What tells Stable Diffusion 1, 2 and XL from each other where checkpoints are
// read and written. One value a family, in its config.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/architectures/ldm_unet/config.h"
#include "trainer/checkpoint/key_rule.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer {

// Where all of them have these parts in a single file.
inline constexpr char kLdmUnetPrefix[] = "model.diffusion_model.";
inline constexpr char kLdmVaePrefix[] = "first_stage_model.";

// A text encoder of a family, and how it is stored.
struct LdmTextPlace {
  std::string what;       // `the CLIP-L text encoder`
  std::string prefix;     // of its names in a single file
  std::string folder;     // in a Diffusers folder: `text_encoder`
  std::string tokenizer;  // its tokenizer's folder: `tokenizer`
  std::string pad_token;  // of that
  // Single files have OpenCLIP's names, else those of Hugging Face.
  bool is_open_clip = false;
  bool quick_gelu = true;
  bool has_projection = false;
  // Layers at the end of single files that nothing runs, which Diffusers
  // folders lack.
  int64_t unused_layers = 0;
};

struct LdmFamily {
  std::string name;  // `Stable Diffusion 2.x`, for messages
  std::optional<std::string> (*detect)(const TensorIndex& index) = nullptr;
  LdmUnetFamily unet;
  LatentScaling scaling;
  std::vector<LdmTextPlace> text;

  // For Diffusers' configurations.
  std::string pipeline;      // class in model_index.json
  std::string scheduler;     // class
  int64_t sample_size = 64;  // latent cells that the model was made for
  bool upcasts_attention = false;
};

bool IsDiffusersFolder(const TensorIndex& index);

// Whether transformers are entered by linear layers, not convolutions. `prefix`
// of the U-Net's names, in either layout.
bool HasLinearProjection(const TensorIndex& index, const std::string& prefix);

// Rows from a module's names under `from` to those of a single file. `is_bare`:
// `from` has them without `text_model.`.
std::vector<KeyRule> LdmTextKeys(const LdmTextPlace& place,
                                 const std::string& from, bool is_bare = false);

// Every row from a Diffusers folder's names to those of a single file. `index`
// tells the levels of its autoencoder, and the form of its text encoders'
// names.
std::vector<KeyRule> LdmDiffusersKeys(const LdmFamily& family,
                                      const TensorIndex& index);

}  // namespace atelier::trainer
