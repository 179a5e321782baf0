// CLIP's text encoder, with the members of the Hugging Face checkpoint.
//
// Letters: B batch, L tokens, C width.
// Source: "Learning Transferable Visual Models From Natural Language
// Supervision", 2021.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct ClipTextConfig {
  int64_t layers = 12;
  int64_t width = 768;
  int64_t mlp_width = 3072;
  int64_t vocabulary = 49408;
  int64_t positions = 77;
  bool quick_gelu = true;  // x * sigmoid(1.702 x); else the exact GELU
};

// Sizes of the encoder whose names begin with `prefix` (which ends before
// `embeddings.`); usual ones where tensors are missing. Heads are 64 wide.
ClipTextConfig ReadClipTextConfig(const TensorIndex& index,
                                  const std::string& prefix, bool quick_gelu);

class ClipAttentionImpl : public torch::nn::Module {
 public:
  explicit ClipAttentionImpl(const ClipTextConfig& config);
  // `mask` as in ClipTextModel::HiddenStates.
  Tensor forward(const Tensor& x, const Tensor& mask);

  Linear q_proj, k_proj, v_proj, out_proj;

 private:
  int64_t heads_;
};
TORCH_MODULE(ClipAttention);

class ClipMlpImpl : public torch::nn::Module {
 public:
  explicit ClipMlpImpl(const ClipTextConfig& config);
  Tensor forward(const Tensor& x);

  Linear fc1, fc2;

 private:
  bool quick_gelu_;
};
TORCH_MODULE(ClipMlp);

class ClipLayerImpl : public torch::nn::Module {
 public:
  explicit ClipLayerImpl(const ClipTextConfig& config);
  Tensor forward(const Tensor& x, const Tensor& mask);

  ClipAttention self_attn;
  LayerNorm layer_norm1;
  ClipMlp mlp;
  LayerNorm layer_norm2;
};
TORCH_MODULE(ClipLayer);

// The parameters are named `text_model.…`.
class ClipTextModel : public torch::nn::Module {
 public:
  explicit ClipTextModel(const ClipTextConfig& config);

  // The input of every layer that runs, and last the state that is asked for:
  // the output of the skip-th layer from the end (1: of the last one), before
  // the final norm. Layers behind it do not run.
  //
  // Shapes: ids [B, L] int64, L at most `positions`; mask [B, L], 0 where keys
  // are hidden, undefined: none are; each state [B, L, C].
  std::vector<Tensor> HiddenStates(const Tensor& ids, int64_t skip = 1,
                                   const Tensor& mask = {});
  // Shapes: as its input.
  Tensor FinalNorm(const Tensor& state);
  // The final state at each row's first end token. Shapes: [B, C].
  static Tensor PoolAtEnd(const Tensor& ids, const Tensor& normed, int64_t end);
  // 1 up to each row's first end token, 0 in the padding behind it. Shapes: as
  // ids.
  static Tensor MaskToEnd(const Tensor& ids, int64_t end);

  void SetGradientCheckpointing(bool enabled) { recompute_ = enabled; }
  const ClipTextConfig& config() const { return config_; }

 private:
  ClipTextConfig config_;
  bool recompute_ = false;
  Embedding token_embedding_, position_embedding_;
  torch::nn::ModuleList layers_;
  LayerNorm final_layer_norm_;
};

}  // namespace atelier::trainer
