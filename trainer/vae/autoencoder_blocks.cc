#include "trainer/vae/autoencoder_blocks.h"

#include "trainer/nn/attention.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer {
namespace {

// Of every norm in the autoencoder.
constexpr double kAutoencoderNormEps = 1e-6;

GroupNorm32 MakeAutoencoderNorm(int64_t channels) {
  return GroupNorm32(channels, kAutoencoderNormEps);
}

}  // namespace

AutoencoderResBlockImpl::AutoencoderResBlockImpl(int64_t in, int64_t out)
    : norm1(register_module("norm1", MakeAutoencoderNorm(in))),
      norm2(register_module("norm2", MakeAutoencoderNorm(out))),
      conv1(register_module("conv1", Conv2d(in, out))),
      conv2(register_module("conv2", Conv2d(out, out))) {
  if (in != out) {
    nin_shortcut = register_module("nin_shortcut", PointwiseConv2d(in, out));
  }
}

Tensor AutoencoderResBlockImpl::forward(const Tensor& x) {
  Tensor h = conv1(at::silu(norm1(x)));
  h = conv2(at::silu(norm2(h)));
  return (nin_shortcut ? nin_shortcut(x) : x) + h;
}

AutoencoderAttentionImpl::AutoencoderAttentionImpl(int64_t channels)
    : norm(register_module("norm", MakeAutoencoderNorm(channels))),
      q(register_module("q", PointwiseConv2d(channels, channels))),
      k(register_module("k", PointwiseConv2d(channels, channels))),
      v(register_module("v", PointwiseConv2d(channels, channels))),
      proj_out(
          register_module("proj_out", PointwiseConv2d(channels, channels))) {}

Tensor AutoencoderAttentionImpl::forward(const Tensor& x) {
  const auto tokens = [](const Tensor& image) {
    return image.flatten(2).transpose(1, 2);  // [B, h * w, C]
  };
  const Tensor normed = norm(x);
  const Tensor h = Attend(tokens(q(normed)), tokens(k(normed)),
                          tokens(v(normed)), AttentionOptions{});
  return x + proj_out(h.transpose(1, 2).reshape(x.sizes()));
}

AutoencoderMiddleImpl::AutoencoderMiddleImpl(int64_t channels)
    : block_1(
          register_module("block_1", AutoencoderResBlock(channels, channels))),
      block_2(
          register_module("block_2", AutoencoderResBlock(channels, channels))),
      attn_1(register_module("attn_1", AutoencoderAttention(channels))) {}

Tensor AutoencoderMiddleImpl::forward(const Tensor& x) {
  return block_2(attn_1(block_1(x)));
}

AutoencoderLevelImpl::AutoencoderLevelImpl(int64_t in, int64_t out,
                                           int64_t blocks, Resample resample)
    : resample_(resample) {
  register_module("block", block);
  for (int64_t i = 0; i < blocks; ++i) {
    block->push_back(AutoencoderResBlock(i == 0 ? in : out, out));
  }
  if (resample == Resample::kNone) return;
  const bool is_down = resample == Resample::kDown;
  const auto holder = std::make_shared<torch::nn::Module>();
  resample_conv = holder->register_module(
      "conv",
      is_down ? Conv2d(out, out, ConvOptions{3, 2, 0}) : Conv2d(out, out));
  register_module(is_down ? "downsample" : "upsample", holder);
}

Tensor AutoencoderLevelImpl::forward(const Tensor& x) {
  Tensor h = x;
  for (const auto& module : *block) {
    h = module->as<AutoencoderResBlock>()->forward(h);
  }
  if (resample_ == Resample::kDown) {
    // Padded on the right and at the bottom only, as the original does.
    return resample_conv(at::constant_pad_nd(h, {0, 1, 0, 1}));
  }
  if (resample_ == Resample::kUp) {
    return resample_conv(
        at::upsample_nearest2d(h, {h.size(2) * 2, h.size(3) * 2}));
  }
  return h;
}

AutoencoderEncoderImpl::AutoencoderEncoderImpl(
    const AutoencoderConfig& config) {
  using Resample = AutoencoderLevelImpl::Resample;
  const auto& channels = config.channels;
  conv_in = register_module("conv_in",
                            Conv2d(config.image_channels, channels.front()));
  register_module("down", down);
  for (size_t i = 0; i < channels.size(); ++i) {
    down->push_back(AutoencoderLevel(
        i == 0 ? channels[0] : channels[i - 1], channels[i],
        config.encoder_blocks,
        i + 1 < channels.size() ? Resample::kDown : Resample::kNone));
  }
  mid = register_module("mid", AutoencoderMiddle(channels.back()));
  norm_out = register_module("norm_out", MakeAutoencoderNorm(channels.back()));
  conv_out = register_module(
      "conv_out", Conv2d(channels.back(), 2 * config.latent_channels));
}

Tensor AutoencoderEncoderImpl::forward(const Tensor& x) {
  Tensor h = conv_in(x);
  for (const auto& module : *down) {
    h = module->as<AutoencoderLevel>()->forward(h);
  }
  return conv_out(at::silu(norm_out(mid(h))));
}

AutoencoderDecoderImpl::AutoencoderDecoderImpl(
    const AutoencoderConfig& config) {
  using Resample = AutoencoderLevelImpl::Resample;
  const auto& channels = config.channels;
  conv_in = register_module("conv_in",
                            Conv2d(config.latent_channels, channels.back()));
  mid = register_module("mid", AutoencoderMiddle(channels.back()));
  register_module("up", up);
  for (size_t i = 0; i < channels.size(); ++i) {
    const size_t below = std::min(i + 1, channels.size() - 1);
    up->push_back(AutoencoderLevel(channels[below], channels[i],
                                   config.decoder_blocks,
                                   i > 0 ? Resample::kUp : Resample::kNone));
  }
  norm_out = register_module("norm_out", MakeAutoencoderNorm(channels.front()));
  conv_out = register_module("conv_out",
                             Conv2d(channels.front(), config.image_channels));
}

Tensor AutoencoderDecoderImpl::forward(const Tensor& x) {
  Tensor h = mid(conv_in(x));
  for (size_t i = up->size(); i-- > 0;) {
    h = up[i]->as<AutoencoderLevel>()->forward(h);
  }
  return conv_out(at::silu(norm_out(h)));
}

}  // namespace atelier::trainer
