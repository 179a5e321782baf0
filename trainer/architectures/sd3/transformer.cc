#include "trainer/architectures/sd3/transformer.h"

#include "trainer/nn/timestep_embedding.h"

namespace atelier::trainer::sd3 {
namespace {

constexpr int64_t kSinusoidWidth = 256;

}  // namespace

struct MmditImpl::PatchEmbedImpl : torch::nn::Module {
  explicit PatchEmbedImpl(const MmditConfig& config)
      : proj(register_module(
            "proj", Conv2d(config.channels, config.width(),
                           ConvOptions{config.patch, config.patch, 0}))) {}

  Conv2d proj;
};

MmditImpl::MmditImpl(const MmditConfig& config)
    : x_embedder(register_module("x_embedder",
                                 std::make_shared<PatchEmbedImpl>(config))),
      t_embedder(register_module(
          "t_embedder", VectorEmbedder(kSinusoidWidth, config.width()))),
      y_embedder(register_module(
          "y_embedder", VectorEmbedder(config.pooled_width, config.width()))),
      context_embedder(register_module(
          "context_embedder", Linear(config.context_width, config.width()))),
      pos_embed(register_buffer(
          "pos_embed",
          torch::empty({1, config.position_side * config.position_side,
                        config.width()}))),
      joint_blocks(register_module("joint_blocks", torch::nn::ModuleList())),
      final_layer(register_module("final_layer", FinalLayer(config))),
      config_(config) {
  BlockRunner::Blocks blocks;
  for (int64_t i = 0; i < config.depth; ++i) {
    joint_blocks->push_back(JointBlock(config, i < config.dual_attention_blocks,
                                       i == config.depth - 1));
    blocks.push_back(joint_blocks->ptr(static_cast<size_t>(i)));
  }
  runner_ = std::make_unique<BlockRunner>(
      std::vector<BlockRunner::Blocks>{std::move(blocks)});
}

void MmditImpl::SetScaledPositions(const std::vector<int64_t>& latent_sides) {
  scaled_positions_.emplace(latent_sides, config_.patch, config_.width());
}

Tensor MmditImpl::Positions(int64_t rows, int64_t columns, const Tensor& crop) {
  const int64_t side = config_.position_side;
  const Tensor table =
      scaled_positions_
          ? scaled_positions_->Table(rows, columns, pos_embed.device())
          : pos_embed.squeeze(0).unflatten(0, {side, side});
  return CropPositions(table, rows, columns, crop);
}

Tensor MmditImpl::forward(const Tensor& latents, const Tensor& timesteps,
                          const Conditioning& conditioning) {
  TORCH_CHECK(latents.dim() == 4 && latents.size(1) == config_.channels,
              "SD3 takes latents [B, ", config_.channels, ", h, w], got ",
              latents.sizes());
  TORCH_CHECK(conditioning.context.defined() && conditioning.pooled.defined(),
              "SD3 needs a context and a pooled caption");
  const int64_t patch = config_.patch;
  const int64_t rows = (latents.size(2) + patch - 1) / patch;
  const int64_t columns = (latents.size(3) + patch - 1) / patch;
  Tensor padded = latents;
  if (latents.size(2) % patch != 0 || latents.size(3) % patch != 0) {
    padded = torch::nn::functional::pad(
        latents, torch::nn::functional::PadFuncOptions(
                     {0, columns * patch - latents.size(3), 0,
                      rows * patch - latents.size(2)})
                     .mode(torch::kReflect));
  }
  Tensor x = x_embedder->proj(padded).flatten(2).transpose(1, 2);
  x = x + Positions(rows, columns, conditioning.position_crop);
  const Tensor sinusoid =
      TimestepEmbedding(timesteps, kSinusoidWidth).to(x.scalar_type());
  const Tensor c = t_embedder(sinusoid) + y_embedder(conditioning.pooled);
  Tensor context = context_embedder(conditioning.context);
  const int64_t words = context.size(1);
  // [B, Lt + Li, D], caption first.
  Tensor tokens = torch::cat({context, x}, 1);
  for (int64_t i = 0; i < config_.depth; ++i) {
    auto& block = *joint_blocks->ptr<JointBlockImpl>(static_cast<size_t>(i));
    tokens = runner_->Run(i,
                          [&block, words](const std::vector<Tensor>& inputs) {
                            const auto [text, image] = block.forward(
                                inputs[0].slice(1, 0, words),
                                inputs[0].slice(1, words), inputs[1]);
                            return torch::cat({text, image}, 1);
                          },
                          {tokens, c});
  }
  // [B, rows * columns, patch * patch * C] -> [B, C, h, w]
  return final_layer(tokens.slice(1, words), c)
      .unflatten(2, {patch, patch, config_.channels})
      .unflatten(1, {rows, columns})
      .permute({0, 5, 1, 3, 2, 4})
      .flatten(4, 5)
      .flatten(2, 3)
      .slice(2, 0, latents.size(2))
      .slice(3, 0, latents.size(3));
}

}  // namespace atelier::trainer::sd3
