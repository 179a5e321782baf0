// Gemma 2, as Lumina Image 2 reads captions with it: the input of the last
// layer, without the final norm.
//
// Source: Gemma Team, arXiv 2408.00118. Members are named as in the published
// Transformers checkpoint.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct Gemma2Config {
  int64_t vocabulary = 256000;
  int64_t width = 2304;
  int64_t feed_forward = 9216;
  int64_t heads = 8;  // of 256 dimensions each
  int64_t key_value_heads = 4;
  int64_t layers = 26;

  // Reads the sizes off the tensors whose names begin with `prefix`.
  // Errors: INVALID_ARGUMENT naming the tensor that is missing.
  static absl::StatusOr<Gemma2Config> FromIndex(const TensorIndex& index,
                                                const std::string& prefix);
};

// x / rms(x) * (1 + weight), in fp32.
struct Gemma2NormImpl : torch::nn::Module {
  explicit Gemma2NormImpl(int64_t width);
  Tensor forward(const Tensor& x);

  Tensor weight;
};
TORCH_MODULE(Gemma2Norm);

struct Gemma2Impl : torch::nn::Module {
  explicit Gemma2Impl(const Gemma2Config& config);

  // Shapes: ids [B, L] int64 padded on the right, mask [B, L] with 0 for
  // padding; returns [B, L, D]: the input of the last layer, its padded rows
  // as they come. L is at most 4,096, the model's sliding window.
  Tensor forward(const Tensor& ids, const Tensor& mask);
  void SetGradientCheckpointing(bool enabled) {
    gradient_checkpointing_ = enabled;
  }

  Embedding embed_tokens;
  torch::nn::ModuleList layers;
  Gemma2Norm norm;

 private:
  bool gradient_checkpointing_ = false;
};
TORCH_MODULE(Gemma2);

}  // namespace atelier::trainer
