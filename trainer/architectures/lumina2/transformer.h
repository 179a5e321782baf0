// Lumina Image 2's transformer (NextDiT): captions and patches are refined
// apart, then go through the layers as one sequence.
//
// Source: Qin et al., arXiv 2503.21758. Members are named as in the published
// checkpoint.
#pragma once

#include <cstdint>
#include <memory>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/lumina2/blocks.h"
#include "trainer/architectures/lumina2/config.h"
#include "trainer/memory/block_runner.h"

namespace atelier::trainer::lumina2 {

class NextDitImpl : public Denoiser {
 public:
  explicit NextDitImpl(const NextDitConfig& config);

  // Shapes: latents [B, 16, h, w] with even sides, timesteps [B] in 0..1000
  // (1000 is pure noise); context [B, L, 2304], context_mask [B, L]. Returns
  // the velocity towards the image, latents - noise.
  Tensor forward(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning) override;
  void SetGradientCheckpointing(bool enabled) override {
    runner_->SetGradientCheckpointing(enabled);
  }
  // The context refiner's blocks, the noise refiner's, then the layers.
  BlockRunner* block_runner() override { return runner_.get(); }

  struct TimestepEmbedderImpl;
  Linear x_embedder;
  torch::nn::ModuleList noise_refiner, context_refiner;
  std::shared_ptr<TimestepEmbedderImpl> t_embedder;
  torch::nn::Sequential cap_embedder;
  torch::nn::ModuleList layers;
  RmsNorm norm_final;  // in the checkpoint, never used
  FinalLayer final_layer;

 private:
  struct BlockInputs;
  // `first` is the place of the list's first block among the runner's.
  Tensor Run(const torch::nn::ModuleList& blocks, int64_t first, Tensor x,
             const BlockInputs& shared);

  std::unique_ptr<BlockRunner> runner_;
};

}  // namespace atelier::trainer::lumina2
