// The blocks of FLUX.1's transformer. Members are named as in the published
// checkpoint.
//
// Shapes: img [B, Li, D], txt [B, Lt, D], vec [B, D] (timestep, guidance and
// pooled caption); rope [Lt + Li, 64, 2] (cosines and sines); mask [B, 1, 1,
// Lt + Li] boolean, true where a key is seen, undefined for all.
// Source: FLUX.1 reference implementation, Black Forest Labs, 2024.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "trainer/architectures/flux/config.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer::flux {

// Linear, SiLU, Linear.
struct MlpEmbedderImpl : torch::nn::Module {
  MlpEmbedderImpl(int64_t in, int64_t hidden);
  Tensor forward(const Tensor& x);

  Linear in_layer, out_layer;
};
TORCH_MODULE(MlpEmbedder);

struct RmsScaleImpl : torch::nn::Module {
  explicit RmsScaleImpl(int64_t width);
  Tensor forward(const Tensor& x);  // normalised in fp32 over the last axis

  Tensor scale;
};
TORCH_MODULE(RmsScale);

struct QkNormImpl : torch::nn::Module {
  explicit QkNormImpl(int64_t head_dim);

  RmsScale query_norm, key_norm;
};
TORCH_MODULE(QkNorm);

struct SelfAttentionImpl : torch::nn::Module {
  explicit SelfAttentionImpl(const FluxConfig& config);

  struct Heads {
    Tensor q, k, v;  // [B, H, L, 128]; q and k normalised
  };
  Heads Project(const Tensor& x);

  Linear qkv, proj;
  QkNorm norm;
  int64_t heads;
};
TORCH_MODULE(SelfAttention);

// `count` groups of shift, scale and gate out of the conditioning vector.
struct ModulationImpl : torch::nn::Module {
  ModulationImpl(int64_t width, int64_t count);
  std::vector<Tensor> forward(const Tensor& vec);  // 3 x count of [B, 1, D]

  Linear lin;
  int64_t count;
};
TORCH_MODULE(Modulation);

// Image and caption tokens keep weights of their own and attend jointly,
// caption first.
struct DoubleStreamBlockImpl : torch::nn::Module {
  explicit DoubleStreamBlockImpl(const FluxConfig& config);
  std::pair<Tensor, Tensor> forward(const Tensor& img, const Tensor& txt,
                                    const Tensor& vec, const Tensor& rope,
                                    const Tensor& mask);

  Modulation img_mod, txt_mod;
  SelfAttention img_attn, txt_attn;
  torch::nn::Sequential img_mlp, txt_mlp;
};
TORCH_MODULE(DoubleStreamBlock);

// One stream; attention and MLP run side by side.
struct SingleStreamBlockImpl : torch::nn::Module {
  explicit SingleStreamBlockImpl(const FluxConfig& config);
  Tensor forward(const Tensor& x, const Tensor& vec, const Tensor& rope,
                 const Tensor& mask);

  Linear linear1, linear2;
  QkNorm norm;
  Modulation modulation;
  int64_t heads;
  int64_t mlp_hidden;
};
TORCH_MODULE(SingleStreamBlock);

struct LastLayerImpl : torch::nn::Module {
  explicit LastLayerImpl(const FluxConfig& config);
  Tensor forward(const Tensor& x, const Tensor& vec);

  Linear linear;
  torch::nn::Sequential adaLN_modulation;
};
TORCH_MODULE(LastLayer);

// Cosines and sines of rotary positions, computed in fp64.
// Shapes: ids [L, 3] fp32; returns [L, 64, 2] fp32. Axes have 16, 56 and 56
// dimensions, base 10,000.
Tensor RotaryTable(const Tensor& ids);

}  // namespace atelier::trainer::flux
