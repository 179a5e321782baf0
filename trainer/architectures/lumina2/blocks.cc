#include "trainer/architectures/lumina2/blocks.h"

#include <optional>
#include <vector>

namespace atelier::trainer::lumina2 {
namespace {

constexpr int64_t kAxisDim = 32;
constexpr double kRotaryBase = 10000;
constexpr double kNormEps = 1e-5;
constexpr double kHeadNormEps = 1e-6;
constexpr double kFinalNormEps = 1e-6;

// x [B, L, H, 96]: each adjacent pair is turned by its position's angle.
Tensor Rotate(const Tensor& x, const Tensor& rope) {
  const Tensor pairs = x.to(torch::kFloat32).unflatten(-1, {-1, 2});
  const Tensor even = pairs.select(-1, 0);
  const Tensor odd = pairs.select(-1, 1);
  const Tensor cosine = rope.select(-1, 0).unsqueeze(2);
  const Tensor sine = rope.select(-1, 1).unsqueeze(2);
  return torch::stack({even * cosine - odd * sine, even * sine + odd * cosine},
                      -1)
      .flatten(-2)
      .to(x.scalar_type());
}

Linear PlainLinear(int64_t in, int64_t out) {
  return Linear(in, out, /*has_bias=*/false);
}

torch::nn::Sequential MakeModulation(const NextDitConfig& config,
                                     int64_t chunks) {
  return torch::nn::Sequential(
      torch::nn::SiLU(),
      Linear(config.modulation_width, chunks * config.width));
}

}  // namespace

RmsNormImpl::RmsNormImpl(int64_t width, double eps)
    : weight(register_parameter("weight", torch::empty({width}),
                                /*requires_grad=*/false)),
      eps_(eps) {}

Tensor RmsNormImpl::forward(const Tensor& x) {
  const Tensor wide = x.to(torch::kFloat32);
  const Tensor norm =
      torch::rsqrt(wide.pow(2).mean(-1, /*keepdim=*/true) + eps_);
  return (wide * norm).to(x.scalar_type()) * weight;
}

JointAttentionImpl::JointAttentionImpl(const NextDitConfig& config)
    : qkv(register_module(
          "qkv",
          PlainLinear(config.width,
                      (config.heads + 2 * config.key_value_heads) * kHeadDim))),
      out(register_module("out",
                          PlainLinear(config.heads * kHeadDim, config.width))),
      q_norm(register_module("q_norm", RmsNorm(kHeadDim, kHeadNormEps))),
      k_norm(register_module("k_norm", RmsNorm(kHeadDim, kHeadNormEps))),
      heads(config.heads),
      key_value_heads(config.key_value_heads) {}

Tensor JointAttentionImpl::forward(const Tensor& x, const Tensor& rope,
                                   const Tensor& mask) {
  // [B, L, H, 96] each
  const auto parts =
      qkv(x)
          .unflatten(-1, {-1, kHeadDim})
          .split_with_sizes({heads, key_value_heads, key_value_heads}, 2);
  const Tensor q = Rotate(q_norm(parts[0]), rope).transpose(1, 2);
  const int64_t groups = heads / key_value_heads;
  const Tensor k = Rotate(k_norm(parts[1]), rope)
                       .transpose(1, 2)
                       .repeat_interleave(groups, 1);
  const Tensor v = parts[2].transpose(1, 2).repeat_interleave(groups, 1);
  const std::optional<Tensor> keys =
      mask.defined() ? std::optional<Tensor>(mask) : std::nullopt;
  return out(at::scaled_dot_product_attention(q, k, v, keys)
                 .transpose(1, 2)
                 .flatten(2));
}

FeedForwardImpl::FeedForwardImpl(const NextDitConfig& config)
    : w1(register_module("w1", PlainLinear(config.width, config.feed_forward))),
      w2(register_module("w2", PlainLinear(config.feed_forward, config.width))),
      w3(register_module("w3",
                         PlainLinear(config.width, config.feed_forward))) {}

Tensor FeedForwardImpl::forward(const Tensor& x) {
  return w2(torch::silu(w1(x)) * w3(x));
}

TransformerBlockImpl::TransformerBlockImpl(const NextDitConfig& config,
                                           bool is_modulated)
    : attention(register_module("attention", JointAttention(config))),
      feed_forward(register_module("feed_forward", FeedForward(config))),
      attention_norm1(
          register_module("attention_norm1", RmsNorm(config.width, kNormEps))),
      attention_norm2(
          register_module("attention_norm2", RmsNorm(config.width, kNormEps))),
      ffn_norm1(register_module("ffn_norm1", RmsNorm(config.width, kNormEps))),
      ffn_norm2(register_module("ffn_norm2", RmsNorm(config.width, kNormEps))) {
  if (is_modulated) {
    adaLN_modulation =
        register_module("adaLN_modulation", MakeModulation(config, 4));
  }
}

Tensor TransformerBlockImpl::forward(const Tensor& x, const Tensor& modulation,
                                     const Tensor& rope, const Tensor& mask) {
  if (adaLN_modulation.is_empty()) {
    const Tensor attended =
        x + attention_norm2(attention(attention_norm1(x), rope, mask));
    return attended + ffn_norm2(feed_forward(ffn_norm1(attended)));
  }
  // Scale and gate of the attention, then of the feed-forward.
  const auto m =
      adaLN_modulation->forward(modulation).unsqueeze(1).chunk(4, -1);
  const Tensor attended =
      x + m[1].tanh() * attention_norm2(attention(
                            attention_norm1(x) * (1 + m[0]), rope, mask));
  return attended + m[3].tanh() * ffn_norm2(feed_forward(ffn_norm1(attended) *
                                                         (1 + m[2])));
}

FinalLayerImpl::FinalLayerImpl(const NextDitConfig& config)
    : linear(register_module("linear",
                             Linear(config.width, config.patch_channels))),
      adaLN_modulation(
          register_module("adaLN_modulation", MakeModulation(config, 1))) {}

Tensor FinalLayerImpl::forward(const Tensor& x, const Tensor& modulation) {
  const Tensor scale = adaLN_modulation->forward(modulation).unsqueeze(1);
  return linear(torch::layer_norm(x, {x.size(-1)}, {}, {}, kFinalNormEps) *
                (1 + scale));
}

Tensor RotaryTable(const Tensor& ids) {
  const Tensor exponent =
      torch::arange(0, kAxisDim, 2,
                    torch::dtype(torch::kFloat64).device(ids.device())) /
      double(kAxisDim);
  const Tensor omega = torch::pow(kRotaryBase, -exponent);
  // [B, L, 3, 16] -> [B, L, 48]
  const Tensor angle =
      (ids.to(torch::kFloat64).unsqueeze(-1) * omega).flatten(2);
  return torch::stack({angle.cos(), angle.sin()}, -1).to(torch::kFloat32);
}

}  // namespace atelier::trainer::lumina2
