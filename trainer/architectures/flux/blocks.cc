#include "trainer/architectures/flux/blocks.h"

#include <array>
#include <optional>

namespace atelier::trainer::flux {
namespace {

constexpr double kNormEps = 1e-6;
constexpr std::array<int64_t, 3> kAxes = {16, 56, 56};
constexpr double kRotaryBase = 10000;

// Layer norm without weights.
Tensor Normalise(const Tensor& x) {
  return torch::layer_norm(x, {x.size(-1)}, {}, {}, kNormEps);
}

Tensor Modulate(const Tensor& x, const Tensor& shift, const Tensor& scale) {
  return torch::addcmul(shift, Normalise(x), 1 + scale);
}

// x [B, H, L, 128]: each adjacent pair is turned by its position's angle.
Tensor Rotate(const Tensor& x, const Tensor& rope) {
  const Tensor pairs = x.to(torch::kFloat32).unflatten(-1, {-1, 2});
  const Tensor even = pairs.select(-1, 0);
  const Tensor odd = pairs.select(-1, 1);
  const Tensor cosine = rope.select(-1, 0);
  const Tensor sine = rope.select(-1, 1);
  return torch::stack({even * cosine - odd * sine, even * sine + odd * cosine},
                      -1)
      .flatten(-2)
      .to(x.scalar_type());
}

// Returns [B, L, D].
Tensor Attend(const Tensor& q, const Tensor& k, const Tensor& v,
              const Tensor& rope, const Tensor& mask) {
  const std::optional<Tensor> keys =
      mask.defined() ? std::optional<Tensor>(mask) : std::nullopt;
  return at::scaled_dot_product_attention(Rotate(q, rope), Rotate(k, rope), v,
                                          keys)
      .transpose(1, 2)
      .flatten(2);
}

torch::nn::Sequential MakeMlp(const FluxConfig& config) {
  return torch::nn::Sequential(
      Linear(config.hidden, config.mlp_hidden),
      torch::nn::GELU(torch::nn::GELUOptions().approximate("tanh")),
      Linear(config.mlp_hidden, config.hidden));
}

SelfAttentionImpl::Heads SplitHeads(const Tensor& qkv, int64_t heads,
                                    QkNorm& norm) {
  // [B, L, 3D] -> 3 x [B, H, L, 128]
  const auto parts =
      qkv.unflatten(-1, {3, heads, kHeadDim}).permute({2, 0, 3, 1, 4}).unbind();
  return {norm->query_norm(parts[0]).to(parts[2].scalar_type()),
          norm->key_norm(parts[1]).to(parts[2].scalar_type()), parts[2]};
}

}  // namespace

MlpEmbedderImpl::MlpEmbedderImpl(int64_t in, int64_t hidden)
    : in_layer(register_module("in_layer", Linear(in, hidden))),
      out_layer(register_module("out_layer", Linear(hidden, hidden))) {}

Tensor MlpEmbedderImpl::forward(const Tensor& x) {
  return out_layer(torch::silu(in_layer(x)));
}

RmsScaleImpl::RmsScaleImpl(int64_t width)
    : scale(register_parameter("scale", torch::empty({width}),
                               /*requires_grad=*/false)) {}

Tensor RmsScaleImpl::forward(const Tensor& x) {
  const Tensor wide = x.to(torch::kFloat32);
  const Tensor norm =
      torch::rsqrt(wide.pow(2).mean(-1, /*keepdim=*/true) + kNormEps);
  return (wide * norm).to(x.scalar_type()) * scale;
}

QkNormImpl::QkNormImpl(int64_t head_dim)
    : query_norm(register_module("query_norm", RmsScale(head_dim))),
      key_norm(register_module("key_norm", RmsScale(head_dim))) {}

SelfAttentionImpl::SelfAttentionImpl(const FluxConfig& config)
    : qkv(register_module("qkv", Linear(config.hidden, 3 * config.hidden))),
      proj(register_module("proj", Linear(config.hidden, config.hidden))),
      norm(register_module("norm", QkNorm(kHeadDim))),
      heads(config.heads) {}

SelfAttentionImpl::Heads SelfAttentionImpl::Project(const Tensor& x) {
  return SplitHeads(qkv(x), heads, norm);
}

ModulationImpl::ModulationImpl(int64_t width, int64_t groups)
    : lin(register_module("lin", Linear(width, 3 * groups * width))),
      count(groups) {}

std::vector<Tensor> ModulationImpl::forward(const Tensor& vec) {
  return lin(torch::silu(vec)).unsqueeze(1).chunk(3 * count, -1);
}

DoubleStreamBlockImpl::DoubleStreamBlockImpl(const FluxConfig& config)
    : img_mod(register_module("img_mod", Modulation(config.hidden, 2))),
      txt_mod(register_module("txt_mod", Modulation(config.hidden, 2))),
      img_attn(register_module("img_attn", SelfAttention(config))),
      txt_attn(register_module("txt_attn", SelfAttention(config))),
      img_mlp(register_module("img_mlp", MakeMlp(config))),
      txt_mlp(register_module("txt_mlp", MakeMlp(config))) {}

std::pair<Tensor, Tensor> DoubleStreamBlockImpl::forward(const Tensor& img,
                                                         const Tensor& txt,
                                                         const Tensor& vec,
                                                         const Tensor& rope,
                                                         const Tensor& mask) {
  // Each group is shift, scale, gate: first of the attention, then of the MLP.
  const std::vector<Tensor> im = img_mod(vec);
  const std::vector<Tensor> tm = txt_mod(vec);
  const auto i = img_attn->Project(Modulate(img, im[0], im[1]));
  const auto t = txt_attn->Project(Modulate(txt, tm[0], tm[1]));
  const Tensor attended =
      Attend(torch::cat({t.q, i.q}, 2), torch::cat({t.k, i.k}, 2),
             torch::cat({t.v, i.v}, 2), rope, mask);
  const int64_t words = txt.size(1);
  const Tensor img1 =
      torch::addcmul(img, im[2], img_attn->proj(attended.slice(1, words)));
  const Tensor txt1 =
      torch::addcmul(txt, tm[2], txt_attn->proj(attended.slice(1, 0, words)));
  return {torch::addcmul(img1, im[5],
                         img_mlp->forward(Modulate(img1, im[3], im[4]))),
          torch::addcmul(txt1, tm[5],
                         txt_mlp->forward(Modulate(txt1, tm[3], tm[4])))};
}

SingleStreamBlockImpl::SingleStreamBlockImpl(const FluxConfig& config)
    : linear1(register_module(
          "linear1",
          Linear(config.hidden, 3 * config.hidden + config.mlp_hidden))),
      linear2(register_module(
          "linear2", Linear(config.hidden + config.mlp_hidden, config.hidden))),
      norm(register_module("norm", QkNorm(kHeadDim))),
      modulation(register_module("modulation", Modulation(config.hidden, 1))),
      heads(config.heads),
      mlp_hidden(config.mlp_hidden) {}

Tensor SingleStreamBlockImpl::forward(const Tensor& x, const Tensor& vec,
                                      const Tensor& rope, const Tensor& mask) {
  const std::vector<Tensor> m = modulation(vec);
  const auto parts = linear1(Modulate(x, m[0], m[1]))
                         .split_with_sizes({3 * x.size(-1), mlp_hidden}, -1);
  const auto h = SplitHeads(parts[0], heads, norm);
  const Tensor attended = Attend(h.q, h.k, h.v, rope, mask);
  const Tensor mlp = torch::gelu(parts[1], "tanh");
  return torch::addcmul(x, m[2], linear2(torch::cat({attended, mlp}, -1)));
}

LastLayerImpl::LastLayerImpl(const FluxConfig& config)
    : linear(
          register_module("linear", Linear(config.hidden, config.in_channels))),
      adaLN_modulation(register_module(
          "adaLN_modulation",
          torch::nn::Sequential(torch::nn::SiLU(),
                                Linear(config.hidden, 2 * config.hidden)))) {}

Tensor LastLayerImpl::forward(const Tensor& x, const Tensor& vec) {
  const auto m = adaLN_modulation->forward(vec).unsqueeze(1).chunk(2, -1);
  return linear(Modulate(x, m[0], m[1]));
}

Tensor RotaryTable(const Tensor& ids) {
  std::vector<Tensor> angles;
  for (size_t axis = 0; axis < kAxes.size(); ++axis) {
    const Tensor exponent =
        torch::arange(0, kAxes[axis], 2,
                      torch::dtype(torch::kFloat64).device(ids.device())) /
        double(kAxes[axis]);
    const Tensor omega = torch::pow(kRotaryBase, -exponent);
    angles.push_back(ids.select(1, static_cast<int64_t>(axis))
                         .to(torch::kFloat64)
                         .outer(omega));
  }
  const Tensor angle = torch::cat(angles, -1);
  return torch::stack({angle.cos(), angle.sin()}, -1).to(torch::kFloat32);
}

}  // namespace atelier::trainer::flux
