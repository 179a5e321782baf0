// The autoencoder between pixels and latents, with the members of the original
// latent diffusion code.
//
//   images --encoder--> quant_conv --> mean | logvar --> latents
//   latents --> post_quant_conv --decoder--> images
//
// Letters: B batch, z latent channels, h and w latent cells; an image is
// 2^(levels - 1) times as large.
// Source: "High-Resolution Image Synthesis with Latent Diffusion Models", 2022.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"
#include "trainer/vae/autoencoder_blocks.h"

namespace atelier::trainer {

// What the denoiser sees is (latents - shift) * scale.
struct LatentScaling {
  double scale = 1;
  double shift = 0;
};

struct AutoencoderConfig {
  int64_t image_channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> channels;  // of each level, the finest first
  int64_t encoder_blocks = 2;     // residual blocks of a level
  int64_t decoder_blocks = 3;
  bool has_quant_conv = true;
  LatentScaling scaling;
};

// Sizes of the autoencoder whose names begin with `prefix`; usual ones where
// tensors are missing.
AutoencoderConfig ReadAutoencoderConfig(const TensorIndex& index,
                                        const std::string& prefix,
                                        LatentScaling scaling);

// Works in the type of its weights (call `to` for half precision); takes and
// returns fp32.
class AutoencoderKl : public torch::nn::Module {
 public:
  explicit AutoencoderKl(const AutoencoderConfig& config);

  // Shapes: images [B, 3, H, W] in [-1, 1]; returns mean | logvar [B, 2z, h,
  // w], logvar clamped to [-30, 20]. Throws: c10::Error if H or W is no
  // multiple of the size of a cell.
  Tensor Moments(const Tensor& images);
  // A draw of the posterior, not scaled. Shapes: noise [B, z, h, w] as
  // standard normal.
  static Tensor SamplePosterior(const Tensor& moments, const Tensor& noise);
  // Its mean, not scaled.
  static Tensor PosteriorMode(const Tensor& moments);

  // Latents as encoded to what the denoiser sees, and back.
  Tensor Scale(const Tensor& latents) const;
  Tensor Unscale(const Tensor& latents) const;

  // Shapes: latents [B, z, h, w] as the denoiser sees them; returns [B, 3, H,
  // W], not clamped.
  Tensor Decode(const Tensor& latents);

  const AutoencoderConfig& config() const { return config_; }

  AutoencoderEncoder encoder{nullptr};
  AutoencoderDecoder decoder{nullptr};
  Conv2d quant_conv{nullptr};
  Conv2d post_quant_conv{nullptr};

 private:
  AutoencoderConfig config_;
};

}  // namespace atelier::trainer
