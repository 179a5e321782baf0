// Tiny checkpoints in the real layouts: the real classes with small numbers,
// the real key names, and random weights of a sensible scale that depend on the
// seed alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer::testing {

struct TinyModelOptions {
  uint64_t seed = 1;
  // Widths of the U-Net's four levels, multiples of 32; the autoencoder has the
  // first and, below, twice that.
  std::vector<int64_t> unet_channels = {32, 32, 64, 64};
  std::vector<int64_t> vae_channels = {32, 32, 32, 32};
  int64_t text_width = 64;
  int64_t text_layers = 2;
  torch::ScalarType dtype = torch::kFloat32;
};

// Every tensor of a Stable Diffusion 1.x single file, by its name.
std::map<std::string, Tensor> TinyStableDiffusion(
    const TinyModelOptions& options = {});

// The same as a .safetensors file.
absl::Status WriteTinyStableDiffusion(const std::string& path,
                                      const TinyModelOptions& options = {});

// Pictures of 64 to 128 pixels with a caption beside each (`a picture of color
// N`), in `folder`, which is made. Their contents depend on their number alone.
absl::Status WriteTinyImages(const std::string& folder, int count);

}  // namespace atelier::trainer::testing
