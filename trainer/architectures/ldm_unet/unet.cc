#include "trainer/architectures/ldm_unet/unet.h"

#include <string>

#include "trainer/memory/activation_checkpoint.h"
#include "trainer/nn/timestep_embedding.h"

namespace atelier::trainer {
namespace {

constexpr double kOutNormEps = 1e-5;
constexpr int64_t kSizeIdWidth = 256;  // features of each size id

}  // namespace

template <typename Part>
Part UnetStageImpl::Add(Part part) {
  return register_module(std::to_string(children().size()), part);
}

void UnetStageImpl::AddConv(int64_t in, int64_t out) {
  conv_ = Add(Conv2d(in, out));
}

void UnetStageImpl::AddResBlock(int64_t in, int64_t out,
                                int64_t time_channels) {
  res_blocks_.push_back(Add(UnetResBlock(in, out, time_channels)));
}

void UnetStageImpl::AddTransformer(const TransformerConfig& config) {
  transformer_ = Add(SpatialTransformer(config));
}

void UnetStageImpl::AddDownsample(int64_t channels) {
  const auto holder = Add(std::make_shared<torch::nn::Module>());
  downsample_ = holder->register_module(
      "op", Conv2d(channels, channels, ConvOptions{3, 2, 1}));
}

void UnetStageImpl::AddUpsample(int64_t channels) {
  const auto holder = Add(std::make_shared<torch::nn::Module>());
  upsample_ = holder->register_module("conv", Conv2d(channels, channels));
}

Tensor UnetStageImpl::forward(const Tensor& x, const UnetStageInput& input,
                              at::IntArrayRef upsampled) {
  Tensor h = conv_ ? conv_(x) : x;
  for (size_t i = 0; i < res_blocks_.size(); ++i) {
    if (i == 1 && transformer_) h = transformer_(h, input);
    auto* block = res_blocks_[i].get();
    h = RunBlock(input.recompute, *block,
                 [block](const std::vector<Tensor>& inputs) {
                   return block->forward(inputs[0], inputs[1]);
                 },
                 {h, input.time});
  }
  if (res_blocks_.size() == 1 && transformer_) h = transformer_(h, input);
  if (downsample_) h = downsample_(h);
  if (upsample_) h = upsample_(at::upsample_nearest2d(h, upsampled));
  return h;
}

LdmUnet::LdmUnet(const LdmUnetConfig& config) : config_(config) {
  const int64_t width = config.time_channels;
  time_embed = torch::nn::Sequential(Linear(config.model_channels, width),
                                     torch::nn::SiLU(), Linear(width, width));
  register_module("time_embed", time_embed);
  if (config.label_channels > 0) {
    label_emb = torch::nn::Sequential(Linear(config.label_channels, width),
                                      torch::nn::SiLU(), Linear(width, width));
    // One level down in the checkpoint: `label_emb.0.0`.
    torch::nn::ModuleList outer;
    outer->push_back(label_emb);
    register_module("label_emb", outer);
  }
  register_module("input_blocks", input_blocks);
  register_module("middle_block", middle_block);
  register_module("output_blocks", output_blocks);

  std::vector<int64_t> skips;
  MakeInputBlocks(skips);
  const int64_t deepest = config.channels.back();
  middle_block->AddResBlock(deepest, deepest, width);
  middle_block->AddTransformer(TransformerOf(deepest, config.middle_depth));
  middle_block->AddResBlock(deepest, deepest, width);
  MakeOutputBlocks(std::move(skips));

  out = torch::nn::Sequential(
      GroupNorm32(config.model_channels, kOutNormEps), torch::nn::SiLU(),
      Conv2d(config.model_channels, config.out_channels));
  register_module("out", out);
}

TransformerConfig LdmUnet::TransformerOf(int64_t channels,
                                         int64_t depth) const {
  TransformerConfig transformer;
  transformer.channels = channels;
  transformer.heads =
      config_.heads > 0 ? config_.heads : channels / config_.head_channels;
  transformer.context_channels = config_.context_channels;
  transformer.depth = depth;
  transformer.linear_projection = config_.linear_projection;
  return transformer;
}

// `skips` becomes the channels of what each block hands to its counterpart.
void LdmUnet::MakeInputBlocks(std::vector<int64_t>& skips) {
  UnetStage first;
  first->AddConv(config_.in_channels, config_.model_channels);
  input_blocks->push_back(first);
  int64_t channels = config_.model_channels;
  skips = {channels};
  for (size_t level = 0; level < config_.channels.size(); ++level) {
    for (int64_t block = 0; block < config_.res_blocks; ++block) {
      UnetStage stage;
      stage->AddResBlock(channels, config_.channels[level],
                         config_.time_channels);
      channels = config_.channels[level];
      if (config_.depths[level] > 0) {
        stage->AddTransformer(TransformerOf(channels, config_.depths[level]));
      }
      input_blocks->push_back(stage);
      skips.push_back(channels);
    }
    if (level + 1 == config_.channels.size()) break;
    UnetStage down;
    down->AddDownsample(channels);
    input_blocks->push_back(down);
    skips.push_back(channels);
  }
}

void LdmUnet::MakeOutputBlocks(std::vector<int64_t> skips) {
  int64_t channels = config_.channels.back();
  for (size_t level = config_.channels.size(); level-- > 0;) {
    for (int64_t block = 0; block <= config_.res_blocks; ++block) {
      UnetStage stage;
      stage->AddResBlock(channels + skips.back(), config_.channels[level],
                         config_.time_channels);
      skips.pop_back();
      channels = config_.channels[level];
      if (config_.depths[level] > 0) {
        stage->AddTransformer(TransformerOf(channels, config_.depths[level]));
      }
      if (level > 0 && block == config_.res_blocks) {
        stage->AddUpsample(channels);
      }
      output_blocks->push_back(stage);
    }
  }
}

torch::ScalarType LdmUnet::WeightType() const {
  return time_embed->ptr(0)->as<Linear>()->weight.scalar_type();
}

Tensor LdmUnet::EmbedTime(const Tensor& timesteps,
                          const Conditioning& conditioning) {
  const torch::ScalarType dtype = WeightType();
  Tensor time = time_embed->forward(
      TimestepEmbedding(timesteps, config_.model_channels).to(dtype));
  if (!label_emb) return time;
  const Tensor& ids = conditioning.size_ids;  // [B, 6]
  const Tensor sizes = TimestepEmbedding(ids.flatten(), kSizeIdWidth)
                           .view({ids.size(0), -1})
                           .to(dtype);
  const Tensor vector = torch::cat({conditioning.pooled.to(dtype), sizes}, 1);
  TORCH_CHECK(vector.size(1) == config_.label_channels,
              "the pooled caption and the sizes are ", vector.size(1),
              " wide, the network takes ", config_.label_channels);
  return time + label_emb->forward(vector);
}

Tensor LdmUnet::forward(const Tensor& latents, const Tensor& timesteps,
                        const Conditioning& conditioning) {
  TORCH_CHECK(latents.dim() == 4 && latents.size(1) == config_.in_channels,
              "latents of shape ", latents.sizes(), ", expected [B, ",
              config_.in_channels, ", h, w]");
  TORCH_CHECK(conditioning.context.size(-1) == config_.context_channels,
              "the context is ", conditioning.context.size(-1),
              " wide, the network takes ", config_.context_channels);
  const torch::ScalarType dtype = WeightType();
  UnetStageInput input;
  input.time = EmbedTime(timesteps, conditioning);
  input.context = conditioning.context.to(dtype);
  input.recompute = recompute_;

  Tensor h = latents.to(dtype);
  std::vector<Tensor> skips;
  for (const auto& stage : *input_blocks) {
    h = stage->as<UnetStage>()->forward(h, input);
    skips.push_back(h);
  }
  h = middle_block(h, input);
  for (const auto& stage : *output_blocks) {
    h = torch::cat({h, skips.back()}, 1);
    skips.pop_back();
    const at::IntArrayRef next =
        skips.empty() ? at::IntArrayRef() : skips.back().sizes().slice(2);
    h = stage->as<UnetStage>()->forward(h, input, next);
  }
  return out->forward(h).to(latents.dtype());
}

}  // namespace atelier::trainer
