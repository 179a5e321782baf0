// The latent diffusion U-Net, with the members of the original checkpoint:
//
//   input_blocks   N.0 convolution, residual block or downsampling (`op`);
//                  N.1 transformer
//   middle_block   0 residual block, 1 transformer, 2 residual block
//   output_blocks  N.0 residual block, N.1 transformer, then upsampling
//   out            0 norm, 2 convolution
#pragma once

#include <optional>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/ldm_unet/blocks.h"
#include "trainer/architectures/ldm_unet/config.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// One entry of the flat lists; its parts are numbered in the order in which
// they are added and run.
class UnetStageImpl : public torch::nn::Module {
 public:
  void AddConv(int64_t in, int64_t out);
  void AddResBlock(int64_t in, int64_t out, int64_t time_channels);
  void AddTransformer(const TransformerConfig& config);
  void AddDownsample(int64_t channels);
  void AddUpsample(int64_t channels);

  // `upsampled` is the size that an upsampling ends with: that of the tensor
  // it is joined with, which need not be twice its own.
  Tensor forward(const Tensor& x, const UnetStageInput& input,
                 at::IntArrayRef upsampled = {});

 private:
  template <typename Part>
  Part Add(Part part);

  Conv2d conv_{nullptr}, downsample_{nullptr}, upsample_{nullptr};
  std::vector<UnetResBlock> res_blocks_;  // two in the middle, else one
  SpatialTransformer transformer_{nullptr};
};
TORCH_MODULE(UnetStage);

class LdmUnet : public Denoiser {
 public:
  explicit LdmUnet(const LdmUnetConfig& config);

  // Latents of any height and width. Uses the conditioning's context and,
  // where the network has label_emb, pooled and size_ids. Returns the type of
  // `latents`. Throws: c10::Error if the context's width, or the vector's, is
  // not the network's.
  Tensor forward(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning) override;
  void SetGradientCheckpointing(bool enabled) override { recompute_ = enabled; }

  const LdmUnetConfig& config() const { return config_; }

  torch::nn::Sequential time_embed, label_emb{nullptr}, out;
  torch::nn::ModuleList input_blocks, output_blocks;
  UnetStage middle_block;

 private:
  void MakeInputBlocks(std::vector<int64_t>& skips);
  void MakeOutputBlocks(std::vector<int64_t> skips);
  TransformerConfig TransformerOf(int64_t channels, int64_t depth) const;
  torch::ScalarType WeightType() const;
  Tensor EmbedTime(const Tensor& timesteps, const Conditioning& conditioning);

  LdmUnetConfig config_;
  bool recompute_ = false;
};

}  // namespace atelier::trainer
