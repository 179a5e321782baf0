// SD3's transformer (MMDiT).
//
// Source: Esser et al., arXiv 2403.03206. Members are named as in the published
// checkpoint.
#pragma once

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sd3/blocks.h"
#include "trainer/architectures/sd3/config.h"

namespace atelier::trainer::sd3 {

class MmditImpl : public Denoiser {
 public:
  explicit MmditImpl(const MmditConfig& config);

  // Shapes: latents [B, 16, h, w], timesteps [B] in 0..1000; context [B, L,
  // 4096], pooled [B, 2048]. Returns the velocity, noise - latents.
  Tensor forward(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning) override;
  void SetGradientCheckpointing(bool enabled) override {
    gradient_checkpointing_ = enabled;
  }

  struct PatchEmbedImpl;
  std::shared_ptr<PatchEmbedImpl> x_embedder;
  VectorEmbedder t_embedder, y_embedder;
  Linear context_embedder;
  Tensor pos_embed;  // buffer [1, side * side, D]
  torch::nn::ModuleList joint_blocks;
  FinalLayer final_layer;

 private:
  // The middle of the table, rows x columns of it. [1, rows * columns, D]
  Tensor Positions(int64_t rows, int64_t columns) const;

  MmditConfig config_;
  bool gradient_checkpointing_ = false;
};

}  // namespace atelier::trainer::sd3
