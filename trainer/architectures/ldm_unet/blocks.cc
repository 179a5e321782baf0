#include "trainer/architectures/ldm_unet/blocks.h"

#include "trainer/memory/activation_checkpoint.h"
#include "trainer/nn/attention.h"

namespace atelier::trainer {
namespace {

// Of the network; the norm before a transformer has another one.
constexpr double kUnetNormEps = 1e-5;
constexpr double kTransformerNormEps = 1e-6;
constexpr int64_t kFeedForwardFactor = 4;

}  // namespace

UnetResBlockImpl::UnetResBlockImpl(int64_t in, int64_t out,
                                   int64_t time_channels)
    : in_layers(GroupNorm32(in, kUnetNormEps), torch::nn::SiLU(),
                Conv2d(in, out)),
      emb_layers(torch::nn::SiLU(), Linear(time_channels, out)),
      // The third was a dropout, which keeps its number.
      out_layers(GroupNorm32(out, kUnetNormEps), torch::nn::SiLU(),
                 torch::nn::Identity(), Conv2d(out, out)) {
  register_module("in_layers", in_layers);
  register_module("emb_layers", emb_layers);
  register_module("out_layers", out_layers);
  if (in != out) {
    skip_connection =
        register_module("skip_connection", PointwiseConv2d(in, out));
  }
}

Tensor UnetResBlockImpl::forward(const Tensor& x, const Tensor& time) {
  Tensor h = in_layers->forward(x);
  h = h + emb_layers->forward(time).unsqueeze(2).unsqueeze(3);
  h = out_layers->forward(h);
  return (skip_connection ? skip_connection(x) : x) + h;
}

CrossAttentionImpl::CrossAttentionImpl(int64_t channels,
                                       int64_t context_channels, int64_t heads)
    : to_q(register_module("to_q", Linear(channels, channels, false))),
      to_k(register_module("to_k", Linear(context_channels, channels, false))),
      to_v(register_module("to_v", Linear(context_channels, channels, false))),
      to_out(register_module(
          "to_out", torch::nn::Sequential(Linear(channels, channels)))),
      heads_(heads) {}

Tensor CrossAttentionImpl::forward(const Tensor& x, const Tensor& context) {
  AttentionOptions options;
  options.heads = heads_;
  return to_out->forward(
      Attend(to_q(x), to_k(context), to_v(context), options));
}

GegluImpl::GegluImpl(int64_t in, int64_t out)
    : proj(register_module("proj", Linear(in, 2 * out))) {}

Tensor GegluImpl::forward(const Tensor& x) {
  const auto halves = proj(x).chunk(2, -1);
  return halves[0] * at::gelu(halves[1]);
}

GegluFeedForwardImpl::GegluFeedForwardImpl(int64_t channels)
    : net(register_module(
          "net", torch::nn::Sequential(
                     Geglu(channels, kFeedForwardFactor * channels),
                     torch::nn::Identity(),
                     Linear(kFeedForwardFactor * channels, channels)))) {}

Tensor GegluFeedForwardImpl::forward(const Tensor& x) {
  return net->forward(x);
}

BasicTransformerBlockImpl::BasicTransformerBlockImpl(
    const TransformerConfig& config)
    : attn1(register_module(
          "attn1",
          CrossAttention(config.channels, config.channels, config.heads))),
      ff(register_module("ff", GegluFeedForward(config.channels))),
      attn2(register_module(
          "attn2", CrossAttention(config.channels, config.context_channels,
                                  config.heads))),
      norm1(register_module("norm1", LayerNorm(config.channels))),
      norm2(register_module("norm2", LayerNorm(config.channels))),
      norm3(register_module("norm3", LayerNorm(config.channels))) {}

Tensor BasicTransformerBlockImpl::forward(const Tensor& x,
                                          const Tensor& context) {
  const Tensor normed = norm1(x);
  Tensor h = x + attn1(normed, normed);
  h = h + attn2(norm2(h), context);
  return h + ff(norm3(h));
}

SpatialTransformerImpl::SpatialTransformerImpl(const TransformerConfig& config)
    : norm(register_module("norm",
                           GroupNorm32(config.channels, kTransformerNormEps))) {
  const int64_t channels = config.channels;
  if (config.linear_projection) {
    linear_in_ = register_module("proj_in", Linear(channels, channels));
    linear_out_ = register_module("proj_out", Linear(channels, channels));
  } else {
    conv_in_ = register_module("proj_in", PointwiseConv2d(channels, channels));
    conv_out_ =
        register_module("proj_out", PointwiseConv2d(channels, channels));
  }
  register_module("transformer_blocks", transformer_blocks);
  for (int64_t i = 0; i < config.depth; ++i) {
    transformer_blocks->push_back(BasicTransformerBlock(config));
  }
}

Tensor SpatialTransformerImpl::ProjectIn(const Tensor& x) {
  const auto tokens = [](const Tensor& image) {
    return image.flatten(2).transpose(1, 2);
  };
  return linear_in_ ? linear_in_(tokens(x)) : tokens(conv_in_(x));
}

Tensor SpatialTransformerImpl::ProjectOut(const Tensor& tokens,
                                          const Tensor& x) {
  const auto image = [&x](const Tensor& t) {
    return t.transpose(1, 2).reshape(x.sizes());
  };
  return linear_out_ ? image(linear_out_(tokens)) : conv_out_(image(tokens));
}

Tensor SpatialTransformerImpl::forward(const Tensor& x,
                                       const UnetStageInput& input) {
  Tensor h = ProjectIn(norm(x));
  for (const auto& module : *transformer_blocks) {
    auto* block = module->as<BasicTransformerBlock>();
    h = RunBlock(input.recompute, *block,
                 [block](const std::vector<Tensor>& inputs) {
                   return block->forward(inputs[0], inputs[1]);
                 },
                 {h, input.context});
  }
  return x + ProjectOut(h, x);
}

}  // namespace atelier::trainer
