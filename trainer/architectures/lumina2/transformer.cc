#include "trainer/architectures/lumina2/transformer.h"

#include "trainer/nn/timestep_embedding.h"

namespace atelier::trainer::lumina2 {
namespace {

constexpr int64_t kSinusoidWidth = 256;
constexpr double kCaptionNormEps = 1e-5;

// [B, L + rows * columns, 3]: caption token k at (k, 0, 0), a patch at
// (length of its caption, row, column).
Tensor PositionIds(const Tensor& mask, int64_t rows, int64_t columns) {
  const int64_t batch = mask.size(0);
  const int64_t words = mask.size(1);
  const auto options = torch::dtype(torch::kInt64).device(mask.device());
  const Tensor none = torch::zeros({batch, words}, options);
  const Tensor caption = torch::stack(
      {torch::arange(words, options).expand({batch, words}), none, none}, -1);
  const Tensor lengths = mask.to(torch::kInt64).sum(1);
  const Tensor shape = torch::zeros({batch, rows, columns}, options);
  const Tensor image =
      torch::stack({shape + lengths.view({batch, 1, 1}),
                    shape + torch::arange(rows, options).view({1, rows, 1}),
                    shape + torch::arange(columns, options)},
                   -1);
  return torch::cat({caption, image.flatten(1, 2)}, 1);
}

// [B, C, h, w] -> [B, h/2 * w/2, 4C], channels innermost.
Tensor PackPatches(const Tensor& latents) {
  return latents.unflatten(3, {-1, 2})
      .unflatten(2, {-1, 2})
      .permute({0, 2, 4, 3, 5, 1})
      .flatten(3)
      .flatten(1, 2);
}

Tensor UnpackPatches(const Tensor& tokens, int64_t rows, int64_t columns) {
  return tokens.unflatten(2, {2, 2, -1})
      .unflatten(1, {rows, columns})
      .permute({0, 5, 1, 3, 2, 4})
      .flatten(4, 5)
      .flatten(2, 3);
}

// [B, L] -> [B, 1, 1, L]
Tensor KeyMask(const Tensor& seen) { return seen.unsqueeze(1).unsqueeze(1); }

BlockRunner::Blocks BlocksOf(const torch::nn::ModuleList& list) {
  return {list->begin(), list->end()};
}

void CheckShapes(const Tensor& latents, const Conditioning& conditioning) {
  TORCH_CHECK(latents.dim() == 4 && latents.size(2) % 2 == 0 &&
                  latents.size(3) % 2 == 0,
              "Lumina takes latents [B, C, h, w] with even sides, got ",
              latents.sizes());
  TORCH_CHECK(
      conditioning.context.defined() && conditioning.context_mask.defined(),
      "Lumina needs a context and its mask");
  TORCH_CHECK(conditioning.context.size(1) < kMaxCaption,
              "Lumina takes captions of fewer than ", kMaxCaption,
              " tokens, got ", conditioning.context.size(1));
}

}  // namespace

// What all blocks of a list are given beside their input.
struct NextDitImpl::BlockInputs {
  Tensor modulation;
  Tensor rope;
  Tensor mask;
};

struct NextDitImpl::TimestepEmbedderImpl : torch::nn::Module {
  explicit TimestepEmbedderImpl(int64_t width)
      : mlp(register_module(
            "mlp",
            torch::nn::Sequential(Linear(kSinusoidWidth, width),
                                  torch::nn::SiLU(), Linear(width, width)))) {}

  torch::nn::Sequential mlp;
};

NextDitImpl::NextDitImpl(const NextDitConfig& config)
    : x_embedder(register_module("x_embedder",
                                 Linear(config.patch_channels, config.width))),
      noise_refiner(register_module("noise_refiner", torch::nn::ModuleList())),
      context_refiner(
          register_module("context_refiner", torch::nn::ModuleList())),
      t_embedder(register_module(
          "t_embedder",
          std::make_shared<TimestepEmbedderImpl>(config.modulation_width))),
      cap_embedder(register_module(
          "cap_embedder",
          torch::nn::Sequential(RmsNorm(config.caption_width, kCaptionNormEps),
                                Linear(config.caption_width, config.width)))),
      layers(register_module("layers", torch::nn::ModuleList())),
      norm_final(register_module("norm_final",
                                 RmsNorm(config.width, kCaptionNormEps))),
      final_layer(register_module("final_layer", FinalLayer(config))) {
  for (int64_t i = 0; i < config.noise_refiners; ++i) {
    noise_refiner->push_back(TransformerBlock(config, true));
  }
  for (int64_t i = 0; i < config.context_refiners; ++i) {
    context_refiner->push_back(TransformerBlock(config, false));
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    layers->push_back(TransformerBlock(config, true));
  }
  runner_ = std::make_unique<BlockRunner>(std::vector<BlockRunner::Blocks>{
      BlocksOf(context_refiner), BlocksOf(noise_refiner), BlocksOf(layers)});
}

Tensor NextDitImpl::Run(const torch::nn::ModuleList& blocks, int64_t first,
                        Tensor x, const BlockInputs& shared) {
  for (size_t i = 0; i < blocks->size(); ++i) {
    auto& block = *blocks->ptr<TransformerBlockImpl>(i);
    x = runner_->Run(first + static_cast<int64_t>(i),
                     [&block, shared](const std::vector<Tensor>& inputs) {
                       return block.forward(inputs[0], inputs[1], shared.rope,
                                            shared.mask);
                     },
                     {x, shared.modulation});
  }
  return x;
}

Tensor NextDitImpl::forward(const Tensor& latents, const Tensor& timesteps,
                            const Conditioning& conditioning) {
  CheckShapes(latents, conditioning);
  const int64_t rows = latents.size(2) / 2;
  const int64_t columns = latents.size(3) / 2;
  const int64_t words = conditioning.context.size(1);
  const Tensor seen = conditioning.context_mask.to(torch::kBool);
  // The model's time runs from noise (0) to image (1).
  const Tensor sinusoid =
      TimestepEmbedding(1 - timesteps.to(torch::kFloat32) / 1000,
                        kSinusoidWidth)
          .to(x_embedder->weight.scalar_type());
  const Tensor modulation = t_embedder->mlp->forward(sinusoid);
  const Tensor rope = RotaryTable(PositionIds(seen, rows, columns));
  const auto refined = static_cast<int64_t>(context_refiner->size());
  const Tensor caption =
      Run(context_refiner, 0, cap_embedder->forward(conditioning.context),
          {modulation, rope.slice(1, 0, words), KeyMask(seen)});
  const Tensor image =
      Run(noise_refiner, refined, x_embedder(PackPatches(latents)),
          {modulation, rope.slice(1, words), {}});
  // Padded caption tokens stay in place and are hidden as keys: the same as
  // leaving them out, since positions are given and not counted.
  const Tensor keys =
      torch::cat({seen, seen.new_ones({seen.size(0), rows * columns})}, 1);
  const Tensor tokens =
      Run(layers, refined + static_cast<int64_t>(noise_refiner->size()),
          torch::cat({caption, image}, 1), {modulation, rope, KeyMask(keys)});
  return UnpackPatches(final_layer(tokens.slice(1, words), modulation), rows,
                       columns);
}

}  // namespace atelier::trainer::lumina2
