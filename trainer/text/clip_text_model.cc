#include "trainer/text/clip_text_model.h"

#include "trainer/checkpoint/index_sizes.h"
#include "trainer/memory/activation_checkpoint.h"
#include "trainer/nn/attention.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kClipHeadWidth = 64;

}  // namespace

ClipTextConfig ReadClipTextConfig(const TensorIndex& index,
                                  const std::string& prefix, bool quick_gelu) {
  ClipTextConfig config;
  config.quick_gelu = quick_gelu;
  const std::string token = prefix + "embeddings.token_embedding.weight";
  config.vocabulary = SizeAt(index, token, 0, config.vocabulary);
  config.width = SizeAt(index, token, 1, config.width);
  config.positions =
      SizeAt(index, prefix + "embeddings.position_embedding.weight", 0,
             config.positions);
  const std::string layers = prefix + "encoder.layers.";
  config.mlp_width =
      SizeAt(index, layers + "0.mlp.fc1.weight", 0, 4 * config.width);
  const int64_t count = CountNumbered(index, layers, ".mlp.fc1.weight");
  if (count > 0) config.layers = count;
  return config;
}

ClipAttentionImpl::ClipAttentionImpl(const ClipTextConfig& config)
    : q_proj(register_module("q_proj", Linear(config.width, config.width))),
      k_proj(register_module("k_proj", Linear(config.width, config.width))),
      v_proj(register_module("v_proj", Linear(config.width, config.width))),
      out_proj(register_module("out_proj", Linear(config.width, config.width))),
      heads_(config.width / kClipHeadWidth) {}

Tensor ClipAttentionImpl::forward(const Tensor& x, const Tensor& mask) {
  AttentionOptions options;
  options.heads = heads_;
  options.causal = true;
  options.mask = mask;
  return out_proj(Attend(q_proj(x), k_proj(x), v_proj(x), options));
}

ClipMlpImpl::ClipMlpImpl(const ClipTextConfig& config)
    : fc1(register_module("fc1", Linear(config.width, config.mlp_width))),
      fc2(register_module("fc2", Linear(config.mlp_width, config.width))),
      quick_gelu_(config.quick_gelu) {}

Tensor ClipMlpImpl::forward(const Tensor& x) {
  const Tensor h = fc1(x);
  return fc2(quick_gelu_ ? h * at::sigmoid(1.702 * h) : at::gelu(h));
}

ClipLayerImpl::ClipLayerImpl(const ClipTextConfig& config)
    : self_attn(register_module("self_attn", ClipAttention(config))),
      layer_norm1(register_module("layer_norm1", LayerNorm(config.width))),
      mlp(register_module("mlp", ClipMlp(config))),
      layer_norm2(register_module("layer_norm2", LayerNorm(config.width))) {}

Tensor ClipLayerImpl::forward(const Tensor& x, const Tensor& mask) {
  const Tensor h = x + self_attn(layer_norm1(x), mask);
  return h + mlp(layer_norm2(h));
}

ClipTextModel::ClipTextModel(const ClipTextConfig& config)
    : config_(config),
      token_embedding_(config.vocabulary, config.width),
      position_embedding_(config.positions, config.width),
      final_layer_norm_(config.width) {
  const auto add = [](torch::nn::Module& parent, const char* name) {
    return parent.register_module(name, std::make_shared<torch::nn::Module>());
  };
  const auto text_model = add(*this, "text_model");
  const auto embeddings = add(*text_model, "embeddings");
  embeddings->register_module("token_embedding", token_embedding_);
  embeddings->register_module("position_embedding", position_embedding_);
  add(*text_model, "encoder")->register_module("layers", layers_);
  for (int64_t i = 0; i < config.layers; ++i) {
    layers_->push_back(ClipLayer(config));
  }
  text_model->register_module("final_layer_norm", final_layer_norm_);
}

std::vector<Tensor> ClipTextModel::HiddenStates(const Tensor& ids, int64_t skip,
                                                const Tensor& mask) {
  TORCH_CHECK(ids.dim() == 2 && ids.size(1) <= config_.positions,
              "ids of shape ", ids.sizes(), ", expected [B, L] with L up to ",
              config_.positions);
  TORCH_CHECK(skip >= 1 && skip <= config_.layers, "clip_skip is ", skip,
              ", the text encoder has ", config_.layers, " layers");
  const Tensor places =
      torch::arange(ids.size(1), ids.options().dtype(torch::kInt64));
  std::vector<Tensor> states = {token_embedding_(ids) +
                                position_embedding_(places)};
  for (int64_t i = 0; i + skip <= config_.layers; ++i) {
    auto* layer = layers_[static_cast<size_t>(i)]->as<ClipLayer>();
    states.push_back(RunBlock(recompute_, *layer,
                              [layer, mask](const std::vector<Tensor>& inputs) {
                                return layer->forward(inputs[0], mask);
                              },
                              {states.back()}));
  }
  return states;
}

Tensor ClipTextModel::FinalNorm(const Tensor& state) {
  return final_layer_norm_(state);
}

Tensor ClipTextModel::PoolAtEnd(const Tensor& ids, const Tensor& normed,
                                int64_t end) {
  const Tensor first_end = (ids == end).to(torch::kInt32).argmax(1);
  return normed.index(
      {torch::arange(ids.size(0), first_end.options()), first_end});
}

Tensor ClipTextModel::MaskToEnd(const Tensor& ids, int64_t end) {
  const Tensor first_end = (ids == end).to(torch::kInt32).argmax(1, true);
  return (torch::arange(ids.size(1), ids.options()) <= first_end)
      .to(torch::kInt64);
}

}  // namespace atelier::trainer
