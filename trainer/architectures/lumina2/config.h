// The sizes of a Lumina Image 2 transformer (NextDiT), and how its checkpoints
// are known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer::lumina2 {

inline constexpr int64_t kHeadDim = 96;
// Positions of the rotary table's first axis: captions are shorter.
inline constexpr int64_t kMaxCaption = 300;

// That of FLUX.1's autoencoder, which is this family's too.
inline constexpr LatentScaling kLatentScaling = {0.3611, 0.1159};

struct NextDitConfig {
  int64_t width = 2304;
  int64_t heads = 24;  // of 96 dimensions each
  int64_t key_value_heads = 8;
  int64_t layers = 26;
  int64_t noise_refiners = 2;
  int64_t context_refiners = 2;
  int64_t patch_channels = 64;  // 16 latent channels, patches of 2 x 2
  int64_t caption_width = 2304;
  int64_t feed_forward = 9216;
  int64_t modulation_width = 1024;
};

// Where a checkpoint has the transformer, and by which names.
struct NextDitLayout {
  std::string prefix;  // empty, `model.diffusion_model.` or `transformer/`
  bool is_diffusers = false;
};

// Nothing where another model is.
std::optional<NextDitLayout> FindNextDit(const TensorIndex& index);

// Sizes read off the tensors, in the names of either layout; the published ones
// where tensors are missing.
NextDitConfig ReadNextDitConfig(const TensorIndex& index,
                                const NextDitLayout& layout);

// `Lumina Image 2`, `Lumina Image 2, Diffusers`.
std::optional<std::string> Detect(const TensorIndex& index);

}  // namespace atelier::trainer::lumina2
