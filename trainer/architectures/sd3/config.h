// The sizes of an SD3 or SD3.5 transformer (MMDiT), read off its tensors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer::sd3 {

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
};

// The sizes, where `prefix` + the original layout's names are there; nothing
// where another model is.
std::optional<MmditConfig> DetectMmdit(const TensorIndex& index,
                                       const std::string& prefix);

}  // namespace atelier::trainer::sd3
