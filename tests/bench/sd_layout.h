// Names and shapes of a Stable Diffusion 1.x checkpoint in the original
// single-file layout, from its widths alone.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tests/support/shape_list.h"

namespace atelier::bench {

using testing::NamedShape;

// The published model's numbers.
struct SdLayoutOptions {
  std::array<int64_t, 4> unet_channels = {320, 640, 1280, 1280};
  std::array<int64_t, 4> vae_channels = {128, 256, 512, 512};
  int64_t text_width = 768;  // also the U-Net's context
  int64_t text_layers = 12;
};

// In no particular order; every tensor is floating-point but `…position_ids`.
std::vector<NamedShape> SdLayout(const SdLayoutOptions& options);

}  // namespace atelier::bench
