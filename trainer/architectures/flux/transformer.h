// FLUX.1's transformer: double stream blocks, then single stream blocks.
//
// Source: FLUX.1 reference implementation, Black Forest Labs, 2024. Members are
// named as in the published checkpoint.
#pragma once

#include <memory>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/flux/blocks.h"
#include "trainer/architectures/flux/config.h"

namespace atelier::trainer::flux {

// Throws: c10::Error for latents with odd sides and for missing conditioning.
class FluxImpl : public Denoiser {
 public:
  explicit FluxImpl(const FluxConfig& config);

  // Shapes: latents [B, 16, h, w] with even sides, timesteps [B] in 0..1000;
  // context [B, L, 4096], pooled [B, 768], guidance [B] (dev only),
  // context_mask [B, L] or undefined. Returns the velocity, noise - latents.
  Tensor forward(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning) override;
  void SetGradientCheckpointing(bool enabled) override {
    runner_->SetGradientCheckpointing(enabled);
  }
  // Double blocks, then single blocks.
  BlockRunner* block_runner() override { return runner_.get(); }
  const FluxConfig& config() const { return config_; }

  Linear img_in, txt_in;
  MlpEmbedder time_in, vector_in;
  MlpEmbedder guidance_in{nullptr};
  torch::nn::ModuleList double_blocks, single_blocks;
  LastLayer final_layer;

 private:
  Tensor Vector(const Tensor& timesteps, const Conditioning& conditioning);

  FluxConfig config_;
  std::unique_ptr<BlockRunner> runner_;
};

// [B, C, h, w] -> [B, h/2 * w/2, 4C]: patches of 2 x 2, channels outermost.
Tensor PackLatents(const Tensor& latents);
Tensor UnpackLatents(const Tensor& tokens, int64_t height, int64_t width);

}  // namespace atelier::trainer::flux
