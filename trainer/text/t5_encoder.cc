#include "trainer/text/t5_encoder.h"

#include <cmath>
#include <limits>

#include "trainer/checkpoint/index_sizes.h"
#include "trainer/memory/activation_checkpoint.h"

namespace atelier::trainer {
namespace t5 {

constexpr int64_t kT5HeadDim = 64;
constexpr double kT5NormEps = 1e-6;
// Relative positions fall into 32 buckets, exact up to 8 on each side, then
// logarithmic up to 128 (T5 paper, section 2.1; bidirectional).
constexpr int64_t kBuckets = 32;
constexpr int64_t kMaxDistance = 128;

struct T5LayerNormImpl : torch::nn::Module {
  explicit T5LayerNormImpl(int64_t width)
      : weight(register_parameter("weight", torch::empty({width}),
                                  /*requires_grad=*/false)) {}

  Tensor forward(const Tensor& x) {
    const Tensor wide = x.to(torch::kFloat32);
    const Tensor scale =
        torch::rsqrt(wide.pow(2).mean(-1, /*keepdim=*/true) + kT5NormEps);
    return weight * (wide * scale).to(weight.scalar_type());
  }

  Tensor weight;
};
TORCH_MODULE(T5LayerNorm);

Linear T5Linear(int64_t in, int64_t out) {
  return Linear(in, out, /*has_bias=*/false);
}

// [L, L]: the bucket of (key - query).
Tensor RelativeBuckets(int64_t length, torch::Device device) {
  const Tensor position = torch::arange(length, device);
  const Tensor relative = position.unsqueeze(0) - position.unsqueeze(1);
  const int64_t half = kBuckets / 2;
  const int64_t exact = half / 2;
  const Tensor distance = relative.abs();
  const Tensor logarithmic =
      exact +
      (torch::log(distance.to(torch::kFloat32) / double(exact)) /
       std::log(double(kMaxDistance) / double(exact)) * double(half - exact))
          .to(torch::kInt64);
  const Tensor bucket =
      torch::where(distance < exact, distance, logarithmic.clamp_max(half - 1));
  return bucket + (relative > 0).to(torch::kInt64) * half;
}

struct T5SelfAttentionImpl : torch::nn::Module {
  T5SelfAttentionImpl(const T5Config& config, bool has_bias)
      : q(register_module("q",
                          T5Linear(config.width, config.heads * kT5HeadDim))),
        k(register_module("k",
                          T5Linear(config.width, config.heads * kT5HeadDim))),
        v(register_module("v",
                          T5Linear(config.width, config.heads * kT5HeadDim))),
        o(register_module("o",
                          T5Linear(config.heads * kT5HeadDim, config.width))) {
    if (has_bias) {
      relative_attention_bias = register_module(
          "relative_attention_bias", Embedding(kBuckets, config.heads));
    }
  }

  Tensor Split(const Tensor& x) {
    return x.unflatten(-1, {-1, kT5HeadDim}).transpose(1, 2);
  }

  // T5 does not scale its logits.
  Tensor forward(const Tensor& x, const Tensor& bias) {
    const Tensor attended = at::scaled_dot_product_attention(
        Split(q(x)), Split(k(x)), Split(v(x)), bias, /*dropout_p=*/0.0,
        /*is_causal=*/false, /*scale=*/1.0);
    return o(attended.transpose(1, 2).flatten(2));
  }

  Linear q, k, v, o;
  Embedding relative_attention_bias{nullptr};
};
TORCH_MODULE(T5SelfAttention);

struct T5AttentionLayerImpl : torch::nn::Module {
  T5AttentionLayerImpl(const T5Config& config, bool has_bias)
      : attention(register_module("SelfAttention",
                                  T5SelfAttention(config, has_bias))),
        layer_norm(register_module("layer_norm", T5LayerNorm(config.width))) {}

  Tensor forward(const Tensor& x, const Tensor& bias) {
    return x + attention(layer_norm(x), bias);
  }

  T5SelfAttention attention;
  T5LayerNorm layer_norm;
};
TORCH_MODULE(T5AttentionLayer);

struct T5GatedGeluImpl : torch::nn::Module {
  explicit T5GatedGeluImpl(const T5Config& config)
      : wi_0(register_module("wi_0",
                             T5Linear(config.width, config.feed_forward))),
        wi_1(register_module("wi_1",
                             T5Linear(config.width, config.feed_forward))),
        wo(register_module("wo", T5Linear(config.feed_forward, config.width))) {
  }

  // With the weights of the published XXL model the product and what comes of
  // it leave the range of fp16; they are fp32 then, and so the sum of blocks.
  Tensor forward(const Tensor& x) {
    const Tensor gate = torch::gelu(wi_0(x), "tanh");
    const Tensor value = wi_1(x);
    if (gate.scalar_type() != torch::kFloat16) return wo(gate * value);
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(
        c10::autocast_dispatch_keyset);
    return torch::linear(gate.to(torch::kFloat32) * value.to(torch::kFloat32),
                         wo->weight.to(torch::kFloat32));
  }

  Linear wi_0, wi_1, wo;
};
TORCH_MODULE(T5GatedGelu);

struct T5FeedForwardLayerImpl : torch::nn::Module {
  explicit T5FeedForwardLayerImpl(const T5Config& config)
      : feed_forward(register_module("DenseReluDense", T5GatedGelu(config))),
        layer_norm(register_module("layer_norm", T5LayerNorm(config.width))) {}

  Tensor forward(const Tensor& x) { return x + feed_forward(layer_norm(x)); }

  T5GatedGelu feed_forward;
  T5LayerNorm layer_norm;
};
TORCH_MODULE(T5FeedForwardLayer);

struct T5BlockImpl : torch::nn::Module {
  T5BlockImpl(const T5Config& config, bool has_bias)
      : attention(config, has_bias), feed_forward(config) {
    register_module("layer", torch::nn::ModuleList(attention, feed_forward));
  }

  Tensor forward(const Tensor& x, const Tensor& bias) {
    return feed_forward(attention(x, bias));
  }

  T5AttentionLayer attention;
  T5FeedForwardLayer feed_forward;
};

}  // namespace t5

struct T5StackImpl : torch::nn::Module {
  explicit T5StackImpl(const T5Config& config)
      : block(register_module("block", torch::nn::ModuleList())),
        final_layer_norm(register_module("final_layer_norm",
                                         t5::T5LayerNorm(config.width))) {
    for (int64_t i = 0; i < config.layers; ++i) {
      block->push_back(std::make_shared<t5::T5BlockImpl>(config, i == 0));
    }
  }

  t5::T5BlockImpl& Block(int64_t i) { return *block->ptr<t5::T5BlockImpl>(i); }

  // [B or 1, H, L, L]: position bias of the first block, shared by all, and
  // minus infinity where the mask hides a key.
  Tensor AttentionBias(int64_t length, const Tensor& mask) {
    auto& table = Block(0).attention->attention->relative_attention_bias;
    Tensor bias = table(t5::RelativeBuckets(length, table->weight.device()))
                      .permute({2, 0, 1})
                      .unsqueeze(0);
    if (!mask.defined()) return bias;
    const Tensor hidden = mask.to(torch::kBool).logical_not();
    return bias.masked_fill(hidden.unsqueeze(1).unsqueeze(1),
                            std::numeric_limits<float>::lowest());
  }

  torch::nn::ModuleList block;
  t5::T5LayerNorm final_layer_norm;
};

T5EncoderImpl::T5EncoderImpl(const T5Config& config)
    : shared(register_module("shared",
                             Embedding(config.vocabulary, config.width))),
      encoder(
          register_module("encoder", std::make_shared<T5StackImpl>(config))) {}

Tensor T5EncoderImpl::forward(const Tensor& ids, const Tensor& mask) {
  TORCH_CHECK(ids.dim() == 2, "T5 takes ids [B, L], got ", ids.sizes());
  Tensor x = shared(ids);
  const Tensor bias = encoder->AttentionBias(ids.size(1), mask);
  for (size_t i = 0; i < encoder->block->size(); ++i) {
    auto& block = encoder->Block(static_cast<int64_t>(i));
    x = RunBlock(gradient_checkpointing_, block,
                 [&block](const std::vector<Tensor>& inputs) {
                   return block.forward(inputs[0], inputs[1]);
                 },
                 {x, bias});
  }
  return encoder->final_layer_norm(x);
}

T5Config ReadT5Config(const TensorIndex& index, const std::string& prefix) {
  T5Config config;
  const std::string shared = prefix + "shared.weight";
  const std::string embedding =
      index.contains(shared) ? shared : prefix + "encoder.embed_tokens.weight";
  config.vocabulary = SizeAt(index, embedding, 0, config.vocabulary);
  config.width = SizeAt(index, embedding, 1, config.width);
  const std::string blocks = prefix + "encoder.block.";
  const int64_t inner = config.heads * t5::kT5HeadDim;
  config.heads =
      SizeAt(index, blocks + "0.layer.0.SelfAttention.q.weight", 0, inner) /
      t5::kT5HeadDim;
  config.feed_forward =
      SizeAt(index, blocks + "0.layer.1.DenseReluDense.wi_0.weight", 0,
             config.feed_forward);
  const int64_t count =
      CountNumbered(index, blocks, ".layer.0.SelfAttention.q.weight");
  if (count > 0) config.layers = count;
  return config;
}

}  // namespace atelier::trainer
