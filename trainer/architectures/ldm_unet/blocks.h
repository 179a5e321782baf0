// The blocks of the latent diffusion U-Net; members are the original
// checkpoint's names.
//
// Letters: B batch, C channels, h and w latent cells, L = h * w, E width of the
// time embedding, T tokens of the context, D its width.
// Source: "High-Resolution Image Synthesis with Latent Diffusion Models", 2022.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// What every stage of the network is given beside its input.
struct UnetStageInput {
  Tensor time;     // [B, E]
  Tensor context;  // [B, T, D]
  bool recompute = false;
};

// Two convolutions, with the time embedding added between them. Shapes: [B,
// in, h, w] -> [B, out, h, w].
class UnetResBlockImpl : public torch::nn::Module {
 public:
  UnetResBlockImpl(int64_t in, int64_t out, int64_t time_channels);
  Tensor forward(const Tensor& x, const Tensor& time);

  torch::nn::Sequential in_layers, emb_layers, out_layers;
  Conv2d skip_connection{nullptr};  // only where the channels change
};
TORCH_MODULE(UnetResBlock);

struct TransformerConfig {
  int64_t channels = 0;
  int64_t heads = 0;
  int64_t context_channels = 0;
  int64_t depth = 1;
  bool linear_projection = false;
};

// Attention from x [B, L, C] to a context [B, T, D], which may be x itself.
class CrossAttentionImpl : public torch::nn::Module {
 public:
  CrossAttentionImpl(int64_t channels, int64_t context_channels, int64_t heads);
  Tensor forward(const Tensor& x, const Tensor& context);

  Linear to_q, to_k, to_v;
  torch::nn::Sequential to_out;

 private:
  int64_t heads_;
};
TORCH_MODULE(CrossAttention);

// One half of a projection, gated by the exact GELU of the other.
class GegluImpl : public torch::nn::Module {
 public:
  GegluImpl(int64_t in, int64_t out);
  Tensor forward(const Tensor& x);

  Linear proj;
};
TORCH_MODULE(Geglu);

class GegluFeedForwardImpl : public torch::nn::Module {
 public:
  explicit GegluFeedForwardImpl(int64_t channels);
  Tensor forward(const Tensor& x);

  torch::nn::Sequential net;
};
TORCH_MODULE(GegluFeedForward);

class BasicTransformerBlockImpl : public torch::nn::Module {
 public:
  explicit BasicTransformerBlockImpl(const TransformerConfig& config);
  Tensor forward(const Tensor& x, const Tensor& context);

  CrossAttention attn1;
  GegluFeedForward ff;
  CrossAttention attn2;
  LayerNorm norm1, norm2, norm3;
};
TORCH_MODULE(BasicTransformerBlock);

// Transformer blocks over the places of the image. Shapes: [B, C, h, w], kept.
class SpatialTransformerImpl : public torch::nn::Module {
 public:
  explicit SpatialTransformerImpl(const TransformerConfig& config);
  Tensor forward(const Tensor& x, const UnetStageInput& input);

  GroupNorm32 norm;
  torch::nn::ModuleList transformer_blocks;

 private:
  Tensor ProjectIn(const Tensor& x);                         // -> [B, L, C]
  Tensor ProjectOut(const Tensor& tokens, const Tensor& x);  // -> as x

  // `proj_in` and `proj_out`: both of one kind.
  Linear linear_in_{nullptr}, linear_out_{nullptr};
  Conv2d conv_in_{nullptr}, conv_out_{nullptr};
};
TORCH_MODULE(SpatialTransformer);

}  // namespace atelier::trainer
