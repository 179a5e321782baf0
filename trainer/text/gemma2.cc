#include "trainer/text/gemma2.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "trainer/memory/activation_checkpoint.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kGemmaHeadDim = 256;
constexpr double kGemmaNormEps = 1e-6;
constexpr double kGemmaRotaryBase = 10000;
constexpr double kLogitCap = 50;
constexpr int64_t kSlidingWindow = 4096;

Linear GemmaLinear(int64_t in, int64_t out) {
  return Linear(in, out, /*has_bias=*/false);
}

// What every layer needs besides its input.
struct GemmaContext {
  Tensor cosine, sine;  // [L, 256]
  Tensor bias;          // [B, 1, L, L]: 0, or minus infinity where unseen
};

GemmaContext MakeContext(const Tensor& mask) {
  const int64_t length = mask.size(1);
  const auto options = torch::dtype(torch::kFloat32).device(mask.device());
  const Tensor frequency = torch::pow(
      kGemmaRotaryBase,
      -torch::arange(0, kGemmaHeadDim, 2, options) / double(kGemmaHeadDim));
  const Tensor angle = torch::arange(length, options).outer(frequency);
  const Tensor both = torch::cat({angle, angle}, -1);
  const Tensor causal =
      torch::ones({length, length}, options.dtype(torch::kBool)).tril();
  const Tensor seen =
      causal.logical_and(mask.to(torch::kBool).unsqueeze(1).unsqueeze(1));
  const Tensor bias = torch::zeros({mask.size(0), 1, length, length}, options)
                          .masked_fill(seen.logical_not(),
                                       std::numeric_limits<float>::lowest());
  return {both.cos(), both.sin(), bias};
}

// The first and second half of a head form the pairs.
Tensor RotateHalves(const Tensor& x, const GemmaContext& context) {
  const auto halves = x.chunk(2, -1);
  const Tensor turned = torch::cat({-halves[1], halves[0]}, -1);
  return x * context.cosine.to(x.scalar_type()) +
         turned * context.sine.to(x.scalar_type());
}

struct Gemma2AttentionImpl : torch::nn::Module {
  explicit Gemma2AttentionImpl(const Gemma2Config& config)
      : q_proj(register_module(
            "q_proj", GemmaLinear(config.width, config.heads * kGemmaHeadDim))),
        k_proj(register_module(
            "k_proj",
            GemmaLinear(config.width, config.key_value_heads * kGemmaHeadDim))),
        v_proj(register_module(
            "v_proj",
            GemmaLinear(config.width, config.key_value_heads * kGemmaHeadDim))),
        o_proj(register_module(
            "o_proj", GemmaLinear(config.heads * kGemmaHeadDim, config.width))),
        groups(config.heads / config.key_value_heads) {}

  static Tensor Split(const Tensor& x) {
    return x.unflatten(-1, {-1, kGemmaHeadDim}).transpose(1, 2);
  }

  Tensor forward(const Tensor& x, const GemmaContext& context) {
    const Tensor q = RotateHalves(Split(q_proj(x)), context);
    const Tensor k =
        RotateHalves(Split(k_proj(x)), context).repeat_interleave(groups, 1);
    const Tensor v = Split(v_proj(x)).repeat_interleave(groups, 1);
    // Soft capping stands between the product and the softmax, so the fused
    // attention of LibTorch cannot be used.
    const Tensor logits =
        q.matmul(k.transpose(2, 3)) / std::sqrt(double(kGemmaHeadDim));
    const Tensor capped = (logits / kLogitCap).tanh() * kLogitCap;
    const Tensor weights =
        torch::softmax(capped.to(torch::kFloat32) + context.bias, -1);
    return o_proj(
        weights.to(x.scalar_type()).matmul(v).transpose(1, 2).flatten(2));
  }

  Linear q_proj, k_proj, v_proj, o_proj;
  int64_t groups;
};
TORCH_MODULE(Gemma2Attention);

struct Gemma2MlpImpl : torch::nn::Module {
  explicit Gemma2MlpImpl(const Gemma2Config& config)
      : gate_proj(register_module(
            "gate_proj", GemmaLinear(config.width, config.feed_forward))),
        up_proj(register_module(
            "up_proj", GemmaLinear(config.width, config.feed_forward))),
        down_proj(register_module(
            "down_proj", GemmaLinear(config.feed_forward, config.width))) {}

  Tensor forward(const Tensor& x) {
    return down_proj(torch::gelu(gate_proj(x), "tanh") * up_proj(x));
  }

  Linear gate_proj, up_proj, down_proj;
};
TORCH_MODULE(Gemma2Mlp);

struct Gemma2LayerImpl : torch::nn::Module {
  explicit Gemma2LayerImpl(const Gemma2Config& config)
      : self_attn(register_module("self_attn", Gemma2Attention(config))),
        mlp(register_module("mlp", Gemma2Mlp(config))),
        input_layernorm(
            register_module("input_layernorm", Gemma2Norm(config.width))),
        post_attention_layernorm(register_module("post_attention_layernorm",
                                                 Gemma2Norm(config.width))),
        pre_feedforward_layernorm(register_module("pre_feedforward_layernorm",
                                                  Gemma2Norm(config.width))),
        post_feedforward_layernorm(register_module("post_feedforward_layernorm",
                                                   Gemma2Norm(config.width))) {}

  Tensor forward(const Tensor& x, const GemmaContext& context) {
    const Tensor attended =
        x + post_attention_layernorm(self_attn(input_layernorm(x), context));
    return attended +
           post_feedforward_layernorm(mlp(pre_feedforward_layernorm(attended)));
  }

  Gemma2Attention self_attn;
  Gemma2Mlp mlp;
  Gemma2Norm input_layernorm, post_attention_layernorm;
  Gemma2Norm pre_feedforward_layernorm, post_feedforward_layernorm;
};

}  // namespace

Gemma2NormImpl::Gemma2NormImpl(int64_t width)
    : weight(register_parameter("weight", torch::empty({width}),
                                /*requires_grad=*/false)) {}

Tensor Gemma2NormImpl::forward(const Tensor& x) {
  const Tensor wide = x.to(torch::kFloat32);
  const Tensor scale =
      torch::rsqrt(wide.pow(2).mean(-1, /*keepdim=*/true) + kGemmaNormEps);
  return (wide * scale * (1 + weight.to(torch::kFloat32))).to(x.scalar_type());
}

Gemma2Impl::Gemma2Impl(const Gemma2Config& config)
    : embed_tokens(register_module("embed_tokens",
                                   Embedding(config.vocabulary, config.width))),
      layers(register_module("layers", torch::nn::ModuleList())),
      norm(register_module("norm", Gemma2Norm(config.width))) {
  for (int64_t i = 0; i < config.layers; ++i) {
    layers->push_back(std::make_shared<Gemma2LayerImpl>(config));
  }
}

Tensor Gemma2Impl::forward(const Tensor& ids, const Tensor& mask) {
  TORCH_CHECK(ids.dim() == 2 && ids.sizes() == mask.sizes(),
              "Gemma 2 takes ids and mask [B, L], got ", ids.sizes(), " and ",
              mask.sizes());
  TORCH_CHECK(ids.size(1) <= kSlidingWindow, "Gemma 2 takes at most ",
              kSlidingWindow, " tokens, got ", ids.size(1));
  const GemmaContext context = MakeContext(mask);
  Tensor x = embed_tokens(ids);
  // The factor is rounded to the weights' type, as in the reference.
  x = x * torch::tensor(std::sqrt(double(x.size(-1))), x.options());
  for (size_t i = 0; i + 1 < layers->size(); ++i) {
    auto& layer = *layers->ptr<Gemma2LayerImpl>(i);
    x = RunBlock(gradient_checkpointing_, layer,
                 [&layer, context](const std::vector<Tensor>& inputs) {
                   return layer.forward(inputs[0], context);
                 },
                 {x});
  }
  return x;
}

absl::StatusOr<Gemma2Config> Gemma2Config::FromIndex(
    const TensorIndex& index, const std::string& prefix) {
  std::string missing;
  const auto shape = [&](const std::string& name) -> std::vector<int64_t> {
    const auto found = index.find(prefix + name);
    if (found == index.end() || found->second.shape.size() != 2) {
      if (missing.empty()) missing = prefix + name;
      return {0, 0};
    }
    return found->second.shape;
  };
  Gemma2Config config;
  config.vocabulary = shape("embed_tokens.weight")[0];
  config.width = shape("embed_tokens.weight")[1];
  config.heads = shape("layers.0.self_attn.q_proj.weight")[0] / kGemmaHeadDim;
  config.key_value_heads =
      shape("layers.0.self_attn.k_proj.weight")[0] / kGemmaHeadDim;
  config.feed_forward = shape("layers.0.mlp.gate_proj.weight")[0];
  config.layers = 0;
  while (index.contains(absl::StrCat(prefix, "layers.", config.layers,
                                     ".self_attn.q_proj.weight"))) {
    ++config.layers;
  }
  if (!missing.empty() || config.heads == 0 || config.key_value_heads == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no usable matrix `", missing, "`; is this a Gemma 2 text encoder?"));
  }
  return config;
}

}  // namespace atelier::trainer
