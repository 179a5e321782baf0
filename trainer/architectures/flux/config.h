// The sizes of a FLUX.1 transformer, and how its checkpoints are known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::flux {

inline constexpr int64_t kHeadDim = 128;

// As published in the reference's table of autoencoders.
inline constexpr LatentScaling kLatentScaling = {0.3611, 0.1159};

struct FluxConfig {
  int64_t hidden = 3072;
  int64_t heads = 24;  // of 128 dimensions each
  int64_t mlp_hidden = 12288;
  int64_t double_blocks = 19;
  int64_t single_blocks = 38;
  int64_t in_channels = 64;  // 16 latent channels, patches of 2 x 2
  int64_t context_width = 4096;
  int64_t pooled_width = 768;
  bool has_guidance = true;  // dev; schnell has none
};

// Where a checkpoint has the transformer, and by which names.
struct FluxLayout {
  std::string prefix;  // empty, `model.diffusion_model.` or `transformer/`
  bool is_diffusers = false;
};

// Nothing where another model is.
std::optional<FluxLayout> FindFlux(const TensorIndex& index);

// Sizes read off the tensors, in the names of either layout; usual ones where
// tensors are missing.
FluxConfig ReadFluxConfig(const TensorIndex& index, const FluxLayout& layout);

// `FLUX.1 dev`, `FLUX.1 schnell, Diffusers`.
std::optional<std::string> Detect(const TensorIndex& index);

}  // namespace atelier::trainer::flux
