// The sizes of a Lumina Image 2 transformer (NextDiT), read off its tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::lumina2 {

inline constexpr int64_t kHeadDim = 96;

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

// The sizes, where `prefix` + the original layout's names are there; nothing
// where another model is.
std::optional<NextDitConfig> DetectNextDit(const TensorIndex& index,
                                           const std::string& prefix);

}  // namespace atelier::trainer::lumina2
