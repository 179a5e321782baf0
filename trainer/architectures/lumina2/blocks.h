// The blocks of Lumina Image 2's transformer. Members are named as in the
// published checkpoint.
//
// Shapes: x [B, L, D] tokens; modulation [B, M] of the timestep; rope [B, L,
// 48, 2] (cosines and sines); mask [B, 1, 1, L] boolean, true where a key is
// seen, undefined for all.
// Source: Qin et al., "Lumina-Image 2.0", arXiv 2503.21758.
#pragma once

#include <cstdint>

#include "trainer/architectures/lumina2/config.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer::lumina2 {

// RMS norm over the last axis, computed in fp32.
struct RmsNormImpl : torch::nn::Module {
  RmsNormImpl(int64_t width, double eps);
  Tensor forward(const Tensor& x);

  Tensor weight;

 private:
  double eps_;
};
TORCH_MODULE(RmsNorm);

// Fewer heads of keys and values than of queries.
struct JointAttentionImpl : torch::nn::Module {
  explicit JointAttentionImpl(const NextDitConfig& config);
  Tensor forward(const Tensor& x, const Tensor& rope, const Tensor& mask);

  Linear qkv, out;
  RmsNorm q_norm, k_norm;
  int64_t heads, key_value_heads;
};
TORCH_MODULE(JointAttention);

// w2(silu(w1 x) * w3 x)
struct FeedForwardImpl : torch::nn::Module {
  explicit FeedForwardImpl(const NextDitConfig& config);
  Tensor forward(const Tensor& x);

  Linear w1, w2, w3;
};
TORCH_MODULE(FeedForward);

struct TransformerBlockImpl : torch::nn::Module {
  TransformerBlockImpl(const NextDitConfig& config, bool is_modulated);
  // `modulation` is not used by the blocks of the context refiner.
  Tensor forward(const Tensor& x, const Tensor& modulation, const Tensor& rope,
                 const Tensor& mask);

  JointAttention attention;
  FeedForward feed_forward;
  RmsNorm attention_norm1, attention_norm2, ffn_norm1, ffn_norm2;
  torch::nn::Sequential adaLN_modulation{nullptr};
};
TORCH_MODULE(TransformerBlock);

struct FinalLayerImpl : torch::nn::Module {
  explicit FinalLayerImpl(const NextDitConfig& config);
  Tensor forward(const Tensor& x, const Tensor& modulation);

  Linear linear;
  torch::nn::Sequential adaLN_modulation;
};
TORCH_MODULE(FinalLayer);

// Cosines and sines of rotary positions, computed in fp64.
// Shapes: ids [B, L, 3]; returns [B, L, 48, 2] fp32. Three axes of 32
// dimensions, base 10,000.
Tensor RotaryTable(const Tensor& ids);

}  // namespace atelier::trainer::lumina2
