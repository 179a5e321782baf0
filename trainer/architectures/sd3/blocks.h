// The blocks of SD3's transformer. Members are named as in the published
// checkpoint.
//
// Shapes: x [B, Li, D] image tokens, context [B, Lt, D] caption tokens,
// c [B, D] timestep and pooled caption.
// Source: Esser et al., "Scaling Rectified Flow Transformers for
// High-Resolution Image Synthesis", arXiv 2403.03206, section 4; dual attention
// as in the SD3.5 Medium release.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "trainer/architectures/sd3/config.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer::sd3 {

// RMS norm of queries or keys over a head.
struct HeadNormImpl : torch::nn::Module {
  HeadNormImpl();
  Tensor forward(const Tensor& x);

  Tensor weight;
};
TORCH_MODULE(HeadNorm);

struct AttentionImpl : torch::nn::Module {
  AttentionImpl(const MmditConfig& config, bool has_output);

  struct Heads {
    Tensor q, k, v;  // [B, H, L, 64]
  };
  Heads Project(const Tensor& x);

  Linear qkv;
  Linear proj{nullptr};  // null in the last context block
  HeadNorm ln_q{nullptr}, ln_k{nullptr};
};
TORCH_MODULE(Attention);

struct MlpImpl : torch::nn::Module {
  MlpImpl(int64_t in, int64_t hidden);
  Tensor forward(const Tensor& x);  // GELU (tanh) between

  Linear fc1, fc2;
};
TORCH_MODULE(Mlp);

// Linear, SiLU, Linear.
struct VectorEmbedderImpl : torch::nn::Module {
  VectorEmbedderImpl(int64_t in, int64_t width);
  Tensor forward(const Tensor& x) { return mlp->forward(x); }

  torch::nn::Sequential mlp;
};
TORCH_MODULE(VectorEmbedder);

// What one stream does before and after the joint attention.
struct StreamBlockImpl : torch::nn::Module {
  enum class Kind {
    kFull,
    kDual,        // a second attention over the stream alone
    kLastContext  // its output is not used: queries, keys and values only
  };
  StreamBlockImpl(const MmditConfig& config, Kind kind);

  struct Prepared {
    AttentionImpl::Heads heads;
    std::vector<Tensor> modulation;
    Tensor second_input;  // kDual
  };
  Prepared Prepare(const Tensor& x, const Tensor& c);
  Tensor Finish(const Tensor& x, const Tensor& attended,
                const Prepared& prepared);

  Kind kind;
  torch::nn::Sequential adaLN_modulation;
  Attention attn;
  Attention attn2{nullptr};
  Mlp mlp{nullptr};
};
TORCH_MODULE(StreamBlock);

struct JointBlockImpl : torch::nn::Module {
  JointBlockImpl(const MmditConfig& config, bool is_dual, bool is_last);
  // Returns {context, x}; the last block's context comes back unchanged.
  std::pair<Tensor, Tensor> forward(const Tensor& context, const Tensor& x,
                                    const Tensor& c);

  StreamBlock context_block, x_block;
};
TORCH_MODULE(JointBlock);

struct FinalLayerImpl : torch::nn::Module {
  explicit FinalLayerImpl(const MmditConfig& config);
  Tensor forward(const Tensor& x, const Tensor& c);

  Linear linear;
  torch::nn::Sequential adaLN_modulation;
};
TORCH_MODULE(FinalLayer);

}  // namespace atelier::trainer::sd3
