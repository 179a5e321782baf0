#include "trainer/architectures/flux/transformer.h"

#include "trainer/memory/block_runner.h"
#include "trainer/nn/timestep_embedding.h"

namespace atelier::trainer::flux {
namespace {

constexpr int64_t kSinusoidWidth = 256;

// [Lt + h/2 * w/2, 3]: captions at the origin, patches at (0, row, column).
Tensor PositionIds(int64_t words, int64_t rows, int64_t columns,
                   torch::Device device) {
  const auto options = torch::dtype(torch::kFloat32).device(device);
  const Tensor image = torch::stack(
      {torch::zeros({rows, columns}, options),
       torch::arange(rows, options).unsqueeze(1).expand({rows, columns}),
       torch::arange(columns, options).unsqueeze(0).expand({rows, columns})},
      -1);
  return torch::cat({torch::zeros({words, 3}, options), image.flatten(0, 1)});
}

Tensor Sinusoid(const Tensor& value, const Tensor& like) {
  return TimestepEmbedding(value, kSinusoidWidth).to(like.scalar_type());
}

void CheckShapes(const Tensor& latents, const Tensor& timesteps,
                 const Conditioning& conditioning, bool has_guidance) {
  TORCH_CHECK(latents.dim() == 4 && latents.size(2) % 2 == 0 &&
                  latents.size(3) % 2 == 0,
              "FLUX takes latents [B, C, h, w] with even sides, got ",
              latents.sizes());
  TORCH_CHECK(timesteps.dim() == 1 && timesteps.size(0) == latents.size(0),
              "FLUX takes one timestep an image, got ", timesteps.sizes());
  TORCH_CHECK(conditioning.context.defined() && conditioning.pooled.defined(),
              "FLUX needs a context and a pooled caption");
  TORCH_CHECK(!has_guidance || conditioning.guidance.defined(),
              "FLUX dev needs a guidance value for each image");
}

BlockRunner::Blocks BlocksOf(const torch::nn::ModuleListImpl& list) {
  return {list.begin(), list.end()};
}

}  // namespace

FluxImpl::FluxImpl(const FluxConfig& config)
    : img_in(
          register_module("img_in", Linear(config.in_channels, config.hidden))),
      txt_in(register_module("txt_in",
                             Linear(config.context_width, config.hidden))),
      time_in(register_module("time_in",
                              MlpEmbedder(kSinusoidWidth, config.hidden))),
      vector_in(register_module(
          "vector_in", MlpEmbedder(config.pooled_width, config.hidden))),
      double_blocks(register_module("double_blocks", torch::nn::ModuleList())),
      single_blocks(register_module("single_blocks", torch::nn::ModuleList())),
      final_layer(register_module("final_layer", LastLayer(config))),
      config_(config) {
  if (config.has_guidance) {
    guidance_in = register_module("guidance_in",
                                  MlpEmbedder(kSinusoidWidth, config.hidden));
  }
  for (int64_t i = 0; i < config.double_blocks; ++i) {
    double_blocks->push_back(DoubleStreamBlock(config));
  }
  for (int64_t i = 0; i < config.single_blocks; ++i) {
    single_blocks->push_back(SingleStreamBlock(config));
  }
  // Two single blocks are about as large as one double block.
  runner_ = std::make_unique<BlockRunner>(
      std::vector<BlockRunner::Blocks>{BlocksOf(*double_blocks),
                                       BlocksOf(*single_blocks)},
      /*blocks_per_swap=*/std::vector<int64_t>{1, 2});
}

Tensor FluxImpl::Vector(const Tensor& timesteps,
                        const Conditioning& conditioning) {
  Tensor vec = time_in(Sinusoid(timesteps, img_in->weight));
  if (!guidance_in.is_empty()) {
    vec = vec +
          guidance_in(Sinusoid(conditioning.guidance * 1000, img_in->weight));
  }
  return vec + vector_in(conditioning.pooled);
}

Tensor FluxImpl::forward(const Tensor& latents, const Tensor& timesteps,
                         const Conditioning& conditioning) {
  CheckShapes(latents, timesteps, conditioning, !guidance_in.is_empty());
  const int64_t rows = latents.size(2) / 2;
  const int64_t columns = latents.size(3) / 2;
  const int64_t words = conditioning.context.size(1);
  const Tensor vec = Vector(timesteps, conditioning);
  const Tensor rope =
      RotaryTable(PositionIds(words, rows, columns, latents.device()));
  Tensor mask;
  if (conditioning.context_mask.defined()) {
    const Tensor seen = conditioning.context_mask.to(torch::kBool);
    mask = torch::cat({seen, seen.new_ones({seen.size(0), rows * columns})}, 1)
               .unsqueeze(1)
               .unsqueeze(1);
  }
  // [B, Lt + Li, D]: the caption's tokens come first throughout.
  Tensor x = torch::cat(
      {txt_in(conditioning.context), img_in(PackLatents(latents))}, 1);
  int64_t index = 0;
  for (const auto& module : *double_blocks) {
    auto& block = *module->as<DoubleStreamBlockImpl>();
    x = runner_->Run(
        index++,
        [&block, words, rope, mask](const std::vector<Tensor>& inputs) {
          const auto [img, txt] = block.forward(inputs[0].slice(1, words),
                                                inputs[0].slice(1, 0, words),
                                                inputs[1], rope, mask);
          return torch::cat({txt, img}, 1);
        },
        {x, vec});
  }
  for (const auto& module : *single_blocks) {
    auto& block = *module->as<SingleStreamBlockImpl>();
    x = runner_->Run(index++,
                     [&block, rope, mask](const std::vector<Tensor>& inputs) {
                       return block.forward(inputs[0], inputs[1], rope, mask);
                     },
                     {x, vec});
  }
  return UnpackLatents(final_layer(x.slice(1, words), vec), rows * 2,
                       columns * 2);
}

Tensor PackLatents(const Tensor& latents) {
  // [B, C, h/2, 2, w/2, 2] -> [B, h/2, w/2, C, 2, 2]
  return latents.unflatten(3, {-1, 2})
      .unflatten(2, {-1, 2})
      .permute({0, 2, 4, 1, 3, 5})
      .flatten(3)
      .flatten(1, 2);
}

Tensor UnpackLatents(const Tensor& tokens, int64_t height, int64_t width) {
  return tokens.unflatten(2, {-1, 2, 2})
      .unflatten(1, {height / 2, width / 2})
      .permute({0, 3, 1, 4, 2, 5})
      .flatten(4, 5)
      .flatten(2, 3);
}

}  // namespace atelier::trainer::flux
