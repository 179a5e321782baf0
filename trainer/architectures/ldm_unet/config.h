// Sizes of the U-Net that Stable Diffusion 1, 2 and XL share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

// What tensors do not tell: one value an architecture.
struct LdmUnetFamily {
  // Levels with transformers, the finest first.
  std::vector<bool> has_attention;
  // A fixed number of heads, or a fixed width of a head; the other is 0.
  int64_t heads = 0;
  int64_t head_channels = 0;
};

struct LdmUnetConfig {
  int64_t in_channels = 4;
  int64_t out_channels = 4;
  int64_t model_channels = 320;
  int64_t time_channels = 1280;
  int64_t context_channels = 768;
  int64_t label_channels = 0;     // 0: no vector besides the timestep
  int64_t res_blocks = 2;         // of a level on the way down; one more up
  std::vector<int64_t> channels;  // of each level
  std::vector<int64_t> depths;    // transformer blocks of each level; 0: none
  int64_t middle_depth = 1;
  bool linear_projection = false;  // into transformers; else a convolution
  int64_t heads = 0;               // as in the family
  int64_t head_channels = 0;
};

// Sizes of the U-Net whose names begin with `prefix`; usual ones where tensors
// are missing.
LdmUnetConfig ReadLdmUnetConfig(const TensorIndex& index,
                                const std::string& prefix,
                                const LdmUnetFamily& family);

// Where the parts of a level stand in the original's flat lists.
struct LdmUnetPlaces {
  int64_t levels = 0;
  int64_t res_blocks = 2;

  int64_t Down(int64_t level, int64_t block) const {
    return (res_blocks + 1) * level + block + 1;
  }
  int64_t Downsample(int64_t level) const {
    return (res_blocks + 1) * (level + 1);
  }
  int64_t Up(int64_t level, int64_t block) const {
    return (res_blocks + 1) * (levels - 1 - level) + block;
  }
};

}  // namespace atelier::trainer
