// The sizes of a FLUX.1 transformer, read off its tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::flux {

inline constexpr int64_t kHeadDim = 128;

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

// The sizes, where `prefix` + the original layout's names are there; nothing
// where another model is.
std::optional<FluxConfig> DetectFlux(const TensorIndex& index,
                                     const std::string& prefix);

}  // namespace atelier::trainer::flux
