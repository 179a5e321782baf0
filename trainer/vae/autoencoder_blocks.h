// The parts of the autoencoder; members are the checkpoint's names.
#pragma once

#include <cstdint>

#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct AutoencoderConfig;

// Shapes: [B, in, h, w] -> [B, out, h, w].
class AutoencoderResBlockImpl : public torch::nn::Module {
 public:
  AutoencoderResBlockImpl(int64_t in, int64_t out);
  Tensor forward(const Tensor& x);

  GroupNorm32 norm1, norm2;
  Conv2d conv1, conv2;
  Conv2d nin_shortcut{nullptr};  // only where the channels change
};
TORCH_MODULE(AutoencoderResBlock);

// Attention with one head over all places of the image.
class AutoencoderAttentionImpl : public torch::nn::Module {
 public:
  explicit AutoencoderAttentionImpl(int64_t channels);
  Tensor forward(const Tensor& x);

  GroupNorm32 norm;
  Conv2d q, k, v, proj_out;
};
TORCH_MODULE(AutoencoderAttention);

class AutoencoderMiddleImpl : public torch::nn::Module {
 public:
  explicit AutoencoderMiddleImpl(int64_t channels);
  Tensor forward(const Tensor& x);

  AutoencoderResBlock block_1, block_2;
  AutoencoderAttention attn_1;
};
TORCH_MODULE(AutoencoderMiddle);

// One level of the encoder or the decoder. The names of its resampling differ:
// `downsample.conv`, `upsample.conv`.
class AutoencoderLevelImpl : public torch::nn::Module {
 public:
  enum class Resample { kNone, kDown, kUp };

  AutoencoderLevelImpl(int64_t in, int64_t out, int64_t blocks,
                       Resample resample);
  Tensor forward(const Tensor& x);

  torch::nn::ModuleList block;
  Conv2d resample_conv{nullptr};

 private:
  Resample resample_;
};
TORCH_MODULE(AutoencoderLevel);

class AutoencoderEncoderImpl : public torch::nn::Module {
 public:
  explicit AutoencoderEncoderImpl(const AutoencoderConfig& config);
  Tensor forward(const Tensor& x);

  Conv2d conv_in{nullptr}, conv_out{nullptr};
  torch::nn::ModuleList down;
  AutoencoderMiddle mid{nullptr};
  GroupNorm32 norm_out{nullptr};
};
TORCH_MODULE(AutoencoderEncoder);

class AutoencoderDecoderImpl : public torch::nn::Module {
 public:
  explicit AutoencoderDecoderImpl(const AutoencoderConfig& config);
  Tensor forward(const Tensor& x);

  Conv2d conv_in{nullptr}, conv_out{nullptr};
  AutoencoderMiddle mid{nullptr};
  torch::nn::ModuleList up;  // in the order of the levels: the finest is 0
  GroupNorm32 norm_out{nullptr};
};
TORCH_MODULE(AutoencoderDecoder);

}  // namespace atelier::trainer
