// The encoder of T5 version 1.1 (gated GELU, no biases), as SD3 and FLUX.1 use
// its XXL size.
//
// Source: Raffel et al., arXiv 1910.10683; Shazeer, arXiv 2002.05202 (gated
// GELU). Members are named as in the published Transformers checkpoint.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

struct T5Config {
  int64_t vocabulary = 32128;
  int64_t width = 4096;
  int64_t feed_forward = 10240;
  int64_t heads = 64;  // of 64 dimensions each
  int64_t layers = 24;
};

// Sizes of the encoder whose names begin with `prefix`; usual ones where
// tensors are missing. The embedding is `shared.weight` or
// `encoder.embed_tokens.weight`.
T5Config ReadT5Config(const TensorIndex& index, const std::string& prefix);

struct T5StackImpl;

struct T5EncoderImpl : torch::nn::Module {
  explicit T5EncoderImpl(const T5Config& config);

  // Shapes: ids [B, L] int64; mask [B, L], 0 where keys are hidden, undefined
  // for none; returns [B, L, D] after the final norm.
  Tensor forward(const Tensor& ids, const Tensor& mask = {});
  void SetGradientCheckpointing(bool enabled) {
    gradient_checkpointing_ = enabled;
  }

  Embedding shared{nullptr};
  std::shared_ptr<T5StackImpl> encoder;

 private:
  bool gradient_checkpointing_ = false;
};
TORCH_MODULE(T5Encoder);

}  // namespace atelier::trainer
