// The layers that every network here is built of. They differ from LibTorch's
// own in one thing: their weights are not initialised, because they always come
// from a checkpoint (initialising a large model takes longer than reading it).
//
// Parameters are made without gradients; whoever trains a module switches them
// on. Weights are fp32 on the CPU until they are moved.
#pragma once

#include <cstdint>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Shapes: [..., in] -> [..., out].
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(int64_t in, int64_t out, bool has_bias = true);
  Tensor forward(const Tensor& x);

  Tensor weight;  // [out, in]
  Tensor bias;    // [out], undefined without
};
TORCH_MODULE(Linear);

struct ConvOptions {
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 1;  // on every side
};

// Shapes: [B, in, h, w] -> [B, out, h', w'].
class Conv2dImpl : public torch::nn::Module {
 public:
  Conv2dImpl(int64_t in, int64_t out, ConvOptions options = {});
  Tensor forward(const Tensor& x);

  Tensor weight;  // [out, in, kernel, kernel]
  Tensor bias;

 private:
  Tensor Convolve(const Tensor& x, const Tensor& kernel,
                  const Tensor& offset) const;

  ConvOptions options_;
};
TORCH_MODULE(Conv2d);

// A convolution of one pixel.
inline Conv2d PointwiseConv2d(int64_t in, int64_t out) {
  return Conv2d(in, out, ConvOptions{1, 1, 0});
}

// Over the last dimension.
class LayerNormImpl : public torch::nn::Module {
 public:
  explicit LayerNormImpl(int64_t width, double eps = 1e-5);
  Tensor forward(const Tensor& x);

  Tensor weight;
  Tensor bias;

 private:
  double eps_;
};
TORCH_MODULE(LayerNorm);

// Over channels in 32 groups. Shapes: [B, C, h, w]. Throws: c10::Error if C is
// no multiple of 32.
class GroupNorm32Impl : public torch::nn::Module {
 public:
  GroupNorm32Impl(int64_t channels, double eps);
  Tensor forward(const Tensor& x);

  Tensor weight;
  Tensor bias;

 private:
  double eps_;
};
TORCH_MODULE(GroupNorm32);

// Shapes: ids [...] int64 -> [..., width].
class EmbeddingImpl : public torch::nn::Module {
 public:
  EmbeddingImpl(int64_t rows, int64_t width);
  Tensor forward(const Tensor& ids);

  Tensor weight;  // [rows, width]
};
TORCH_MODULE(Embedding);

}  // namespace atelier::trainer
