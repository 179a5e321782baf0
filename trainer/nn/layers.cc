#include "trainer/nn/layers.h"

#include <ATen/autocast_mode.h>

#include "trainer/nn/gemm_convolution.h"

namespace atelier::trainer {
namespace {

// A half-precision parameter of a norm whose input is fp32, where it is added
// to fp32: kernels take the input's format or fp32.
Tensor Beside(const Tensor& x, const Tensor& parameter) {
  return parameter.scalar_type() == torch::kFloat32 ||
                 parameter.scalar_type() == x.scalar_type()
             ? parameter
             : parameter.to(x.scalar_type());
}

// The weights of a layer that is not trained may stand in the half precision of
// their file, every value of which fp32 holds. Autocast converts by itself.
Tensor Widened(const Tensor& x, const Tensor& weight) {
  if (!weight.defined() || weight.requires_grad()) return weight;
  const bool is_half = weight.scalar_type() == torch::kBFloat16 ||
                       weight.scalar_type() == torch::kHalf;
  if (!is_half || x.scalar_type() != torch::kFloat32) return weight;
  const bool casts = at::autocast::is_autocast_enabled(x.device().type());
  return casts ? weight : weight.to(torch::kFloat32);
}

}  // namespace

LinearImpl::LinearImpl(int64_t in, int64_t out, bool has_bias) {
  weight = register_parameter("weight", torch::empty({out, in}), false);
  if (has_bias) bias = register_parameter("bias", torch::empty({out}), false);
}

Tensor LinearImpl::forward(const Tensor& x) {
  return at::linear(x, Widened(x, weight), Widened(x, bias));
}

Conv2dImpl::Conv2dImpl(int64_t in, int64_t out, ConvOptions options)
    : options_(options) {
  const int64_t kernel = options.kernel;
  weight = register_parameter("weight", torch::empty({out, in, kernel, kernel}),
                              false);
  bias = register_parameter("bias", torch::empty({out}), false);
}

Tensor Conv2dImpl::forward(const Tensor& x) {
  if (!x.is_cpu() || !at::autocast::is_autocast_enabled(at::kCPU)) {
    return Convolve(x, weight, bias);
  }
  const torch::ScalarType format = at::autocast::get_autocast_dtype(at::kCPU);
  const auto cast = [&](const Tensor& value) {
    return at::autocast::cached_cast(format, value, at::kCPU);
  };
  return Convolve(cast(x), cast(weight), cast(bias));
}

Tensor Conv2dImpl::Convolve(const Tensor& x, const Tensor& kernel,
                            const Tensor& offset) const {
  return PrefersGemm(x, kernel, options_)
             ? GemmConvolution(x, kernel, offset, options_)
             : at::conv2d(x, kernel, offset, options_.stride, options_.padding);
}

LayerNormImpl::LayerNormImpl(int64_t width, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::empty({width}), false);
  bias = register_parameter("bias", torch::empty({width}), false);
}

Tensor LayerNormImpl::forward(const Tensor& x) {
  return at::layer_norm(x, weight.sizes(), Beside(x, weight), Beside(x, bias),
                        eps_);
}

GroupNorm32Impl::GroupNorm32Impl(int64_t channels, double eps) : eps_(eps) {
  weight = register_parameter("weight", torch::empty({channels}), false);
  bias = register_parameter("bias", torch::empty({channels}), false);
}

Tensor GroupNorm32Impl::forward(const Tensor& x) {
  return at::group_norm(x, 32, Beside(x, weight), Beside(x, bias), eps_);
}

EmbeddingImpl::EmbeddingImpl(int64_t rows, int64_t width) {
  weight = register_parameter("weight", torch::empty({rows, width}), false);
}

Tensor EmbeddingImpl::forward(const Tensor& ids) {
  return at::embedding(weight, ids);
}

}  // namespace atelier::trainer
