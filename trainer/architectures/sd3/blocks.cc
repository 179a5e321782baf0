#include "trainer/architectures/sd3/blocks.h"

namespace atelier::trainer::sd3 {
namespace {

constexpr int64_t kHeadDim = 64;
constexpr double kNormEps = 1e-6;

// Layer norm without weights, then scale and shift.
Tensor Normalise(const Tensor& x) {
  return torch::layer_norm(x, {x.size(-1)}, {}, {}, kNormEps);
}

Tensor Modulate(const Tensor& normalised, const Tensor& shift,
                const Tensor& scale) {
  return torch::addcmul(shift, normalised, 1 + scale);
}

Tensor JoinHeads(const Tensor& x) { return x.transpose(1, 2).flatten(2); }

torch::nn::Sequential MakeModulation(int64_t width, int64_t chunks) {
  return torch::nn::Sequential(torch::nn::SiLU(),
                               Linear(width, chunks * width));
}

int64_t ModulationChunks(StreamBlockImpl::Kind kind) {
  switch (kind) {
    case StreamBlockImpl::Kind::kFull:
      return 6;
    case StreamBlockImpl::Kind::kDual:
      return 9;
    case StreamBlockImpl::Kind::kLastContext:
      return 2;
  }
  return 0;
}

}  // namespace

HeadNormImpl::HeadNormImpl()
    : weight(register_parameter("weight", torch::empty({kHeadDim}),
                                /*requires_grad=*/false)) {}

Tensor HeadNormImpl::forward(const Tensor& x) {
  const Tensor wide = x.to(torch::kFloat32);
  const Tensor norm =
      torch::rsqrt(wide.pow(2).mean(-1, /*keepdim=*/true) + kNormEps);
  return (wide * norm).to(x.scalar_type()) * weight;
}

AttentionImpl::AttentionImpl(const MmditConfig& config, bool has_output)
    : qkv(register_module("qkv", Linear(config.width(), 3 * config.width()))) {
  if (has_output) {
    proj = register_module("proj", Linear(config.width(), config.width()));
  }
  if (config.qk_norm) {
    ln_q = register_module("ln_q", HeadNorm());
    ln_k = register_module("ln_k", HeadNorm());
  }
}

AttentionImpl::Heads AttentionImpl::Project(const Tensor& x) {
  const auto parts =
      qkv(x).unflatten(-1, {3, -1, kHeadDim}).permute({2, 0, 3, 1, 4}).unbind();
  if (ln_q.is_empty()) return {parts[0], parts[1], parts[2]};
  return {ln_q(parts[0]).to(parts[2].scalar_type()),
          ln_k(parts[1]).to(parts[2].scalar_type()), parts[2]};
}

MlpImpl::MlpImpl(int64_t in, int64_t hidden)
    : fc1(register_module("fc1", Linear(in, hidden))),
      fc2(register_module("fc2", Linear(hidden, in))) {}

Tensor MlpImpl::forward(const Tensor& x) {
  return fc2(torch::gelu(fc1(x), "tanh"));
}

VectorEmbedderImpl::VectorEmbedderImpl(int64_t in, int64_t width)
    : mlp(register_module(
          "mlp", torch::nn::Sequential(Linear(in, width), torch::nn::SiLU(),
                                       Linear(width, width)))) {}

StreamBlockImpl::StreamBlockImpl(const MmditConfig& config, Kind stream_kind)
    : kind(stream_kind),
      adaLN_modulation(register_module(
          "adaLN_modulation",
          MakeModulation(config.width(), ModulationChunks(stream_kind)))),
      attn(register_module(
          "attn", Attention(config, stream_kind != Kind::kLastContext))) {
  if (kind == Kind::kLastContext) return;
  if (kind == Kind::kDual) {
    attn2 = register_module("attn2", Attention(config, true));
  }
  mlp = register_module("mlp", Mlp(config.width(), config.mlp_hidden));
}

// The chunks are shift, scale and gate of the attention, then of the MLP, then
// of the second attention.
StreamBlockImpl::Prepared StreamBlockImpl::Prepare(const Tensor& x,
                                                   const Tensor& c) {
  Prepared prepared;
  prepared.modulation = adaLN_modulation->forward(c).unsqueeze(1).chunk(
      ModulationChunks(kind), -1);
  const auto& m = prepared.modulation;
  const Tensor normalised = Normalise(x);
  prepared.heads = attn->Project(Modulate(normalised, m[0], m[1]));
  if (kind == Kind::kDual) {
    prepared.second_input = Modulate(normalised, m[6], m[7]);
  }
  return prepared;
}

Tensor StreamBlockImpl::Finish(const Tensor& x, const Tensor& attended,
                               const Prepared& prepared) {
  const auto& m = prepared.modulation;
  Tensor result = torch::addcmul(x, m[2], attn->proj(attended));
  if (kind == Kind::kDual) {
    const auto heads = attn2->Project(prepared.second_input);
    const Tensor second =
        at::scaled_dot_product_attention(heads.q, heads.k, heads.v);
    result = torch::addcmul(result, m[8], attn2->proj(JoinHeads(second)));
  }
  return torch::addcmul(result, m[5],
                        mlp(Modulate(Normalise(result), m[3], m[4])));
}

JointBlockImpl::JointBlockImpl(const MmditConfig& config, bool is_dual,
                               bool is_last)
    : context_block(register_module(
          "context_block",
          StreamBlock(config, is_last ? StreamBlockImpl::Kind::kLastContext
                                      : StreamBlockImpl::Kind::kFull))),
      x_block(register_module(
          "x_block",
          StreamBlock(config, is_dual ? StreamBlockImpl::Kind::kDual
                                      : StreamBlockImpl::Kind::kFull))) {}

std::pair<Tensor, Tensor> JointBlockImpl::forward(const Tensor& context,
                                                  const Tensor& x,
                                                  const Tensor& c) {
  const auto words = context_block->Prepare(context, c);
  const auto image = x_block->Prepare(x, c);
  const Tensor attended = JoinHeads(at::scaled_dot_product_attention(
      torch::cat({words.heads.q, image.heads.q}, 2),
      torch::cat({words.heads.k, image.heads.k}, 2),
      torch::cat({words.heads.v, image.heads.v}, 2)));
  const int64_t length = context.size(1);
  const Tensor x_out = x_block->Finish(x, attended.slice(1, length), image);
  if (context_block->kind == StreamBlockImpl::Kind::kLastContext) {
    return {context, x_out};
  }
  return {context_block->Finish(context, attended.slice(1, 0, length), words),
          x_out};
}

FinalLayerImpl::FinalLayerImpl(const MmditConfig& config)
    : linear(register_module(
          "linear", Linear(config.width(),
                           config.patch * config.patch * config.channels))),
      adaLN_modulation(register_module("adaLN_modulation",
                                       MakeModulation(config.width(), 2))) {}

Tensor FinalLayerImpl::forward(const Tensor& x, const Tensor& c) {
  const auto m = adaLN_modulation->forward(c).unsqueeze(1).chunk(2, -1);
  return linear(Modulate(Normalise(x), m[0], m[1]));
}

}  // namespace atelier::trainer::sd3
