// The sizes of an SD3 or SD3.5 transformer (MMDiT), read off its tensors, and
// how checkpoints are known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::sd3 {

// Where the parts stand in the original single file.
inline constexpr char kMmditPrefix[] = "model.diffusion_model.";
inline constexpr char kVaePrefix[] = "first_stage_model.";
inline constexpr char kClipLPrefix[] = "text_encoders.clip_l.transformer.";
inline constexpr char kClipGPrefix[] = "text_encoders.clip_g.transformer.";
inline constexpr char kT5Prefix[] = "text_encoders.t5xxl.transformer.";

// As published with the models' autoencoder.
inline constexpr LatentScaling kLatentScaling = {1.5305, 0.0609};

struct MmditConfig {
  int64_t depth = 24;  // blocks; also heads, of 64 dimensions each
  int64_t channels = 16;
  int64_t patch = 2;
  int64_t position_side = 192;  // of the square table of positions
  int64_t context_width = 4096;
  int64_t pooled_width = 2048;
  int64_t mlp_hidden = 6144;
  bool qk_norm = false;               // SD3.5
  int64_t dual_attention_blocks = 0;  // the first blocks of SD3.5 Medium

  int64_t width() const { return 64 * depth; }
  // `SD3 Medium`, `SD3.5 Medium`, `SD3.5 Large`.
  std::string variant() const;
  // `stable-diffusion-3-medium`, `-3-5-medium`, `-3-5-large`.
  std::string modelspec() const;
};

// The sizes of the transformer whose names, in the original layout, begin with
// `prefix`; usual ones where tensors are missing.
MmditConfig ReadMmditConfig(const TensorIndex& index,
                            const std::string& prefix);

// The form of a checkpoint with this transformer.
struct MmditPlace {
  bool is_diffusers = false;  // the names of the Diffusers layout
  std::string prefix;         // before the transformer's names
};
// Whole models and files of the transformer alone, in both layouts; nothing
// where another model is.
std::optional<MmditPlace> FindMmdit(const TensorIndex& index);

// As Architecture::detect.
std::optional<std::string> Detect(const TensorIndex& index);

}  // namespace atelier::trainer::sd3
