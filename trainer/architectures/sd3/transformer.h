// SD3's transformer (MMDiT).
//
// Source: Esser et al., arXiv 2403.03206. Members are named as in the published
// checkpoint.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sd3/blocks.h"
#include "trainer/architectures/sd3/config.h"
#include "trainer/architectures/sd3/positions.h"
#include "trainer/memory/block_runner.h"

namespace atelier::trainer::sd3 {

class MmditImpl : public Denoiser {
 public:
  explicit MmditImpl(const MmditConfig& config);

  // Shapes: latents [B, 16, h, w], timesteps [B] in 0..1000; context [B, L,
  // 4096], pooled [B, 2048], position_crop [B, 2] or undefined. Returns the
  // velocity, noise - latents. Sides that are no multiple of the patch are
  // reflected into one.
  Tensor forward(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning) override;
  void SetGradientCheckpointing(bool enabled) override {
    runner_->SetGradientCheckpointing(enabled);
  }
  BlockRunner* block_runner() override { return runner_.get(); }

  // Takes positions from tables that are scaled to these sides, as
  // ModelOptions::latent_sides, instead of from the checkpoint's.
  void SetScaledPositions(const std::vector<int64_t>& latent_sides);

  const MmditConfig& config() const { return config_; }

  struct PatchEmbedImpl;
  std::shared_ptr<PatchEmbedImpl> x_embedder;
  VectorEmbedder t_embedder, y_embedder;
  Linear context_embedder;
  Tensor pos_embed;  // buffer [1, side * side, D]
  torch::nn::ModuleList joint_blocks;
  FinalLayer final_layer;

 private:
  // [1 or B, rows * columns, D]
  Tensor Positions(int64_t rows, int64_t columns, const Tensor& crop);

  MmditConfig config_;
  std::unique_ptr<BlockRunner> runner_;
  std::optional<ScaledPositions> scaled_positions_;
};

}  // namespace atelier::trainer::sd3
