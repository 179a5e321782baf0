// Convolution as one matrix product, for the CPU and for weights that are much
// larger than the picture: the deep levels of a U-Net, where a picture has 16
// to 256 cells and a kernel millions of weights. There the time is that of
// reading the weights, and the products read them as they lie, while the
// convolutions of oneDNN first copy them into a layout of their own, in each of
// the three passes of each step.
//
//   columns[c, ky, kx; n, y, x] = input[n, c, y * stride + ky - padding, …]
//   output = weight * columns
//   gradient of columns = weight^T * gradient of output
//   gradient of weight = gradient of output * columns^T
//
// The columns are made anew in the backward pass: they are kernel^2 times as
// large as the input, and cheap to make.
#pragma once

#include <cstdint>

#include "trainer/nn/layers.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Whether the product is the faster way: fp32 or bf16 on the CPU, kernels of
// more than one cell, and few cells in the output of the whole batch.
bool PrefersGemm(const Tensor& x, const Tensor& weight,
                 const ConvOptions& window);

// Shapes: x [N, Ci, H, W], weight [Co, Ci, kernel, kernel], bias [Co] ->
// [N, Co, Ho, Wo]. All of one format, on the CPU. Has a gradient for each.
Tensor GemmConvolution(const Tensor& x, const Tensor& weight,
                       const Tensor& bias, const ConvOptions& window);

}  // namespace atelier::trainer
