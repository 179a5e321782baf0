#include "trainer/architectures/flux/config.h"

#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::flux {
namespace {

constexpr const char* kOriginalPrefixes[] = {"", "model.diffusion_model."};
constexpr const char* kDiffusersPrefixes[] = {"transformer/", ""};

// The tensors that sizes are read off, in one layout.
struct SizeNames {
  const char* image;
  const char* context;
  const char* pooled;
  const char* guidance;
  const char* mlp;
  const char* double_blocks;
  const char* single_blocks;
};

constexpr SizeNames kOriginalNames = {"img_in.weight",
                                      "txt_in.weight",
                                      "vector_in.in_layer.weight",
                                      "guidance_in.",
                                      "double_blocks.0.img_mlp.0.weight",
                                      "double_blocks.",
                                      "single_blocks."};

constexpr SizeNames kDiffusersNames = {
    "x_embedder.weight",
    "context_embedder.weight",
    "time_text_embed.text_embedder.linear_1.weight",
    "time_text_embed.guidance_embedder.",
    "transformer_blocks.0.ff.net.0.proj.weight",
    "transformer_blocks.",
    "single_transformer_blocks."};

// Other families have blocks of these names: Chroma without modulation, SD3's
// Diffusers layout without single blocks.
bool IsOriginal(const TensorIndex& index, const std::string& prefix) {
  return HasPrefix(index, prefix + "double_blocks.0.img_mod.lin.");
}

bool IsDiffusers(const TensorIndex& index, const std::string& prefix) {
  return HasPrefix(index, prefix + "single_transformer_blocks.0.proj_mlp.") &&
         HasPrefix(index, prefix + "time_text_embed.");
}

// A block counts if any of its tensors is there, so that the others are missed.
int64_t CountBlocks(const TensorIndex& index, const std::string& blocks) {
  int64_t count = 0;
  while (HasPrefix(index, absl::StrCat(blocks, count, "."))) ++count;
  return count;
}

}  // namespace

std::optional<FluxLayout> FindFlux(const TensorIndex& index) {
  for (const char* prefix : kOriginalPrefixes) {
    if (IsOriginal(index, prefix)) return FluxLayout{prefix, false};
  }
  for (const char* prefix : kDiffusersPrefixes) {
    if (IsDiffusers(index, prefix)) return FluxLayout{prefix, true};
  }
  return std::nullopt;
}

FluxConfig ReadFluxConfig(const TensorIndex& index, const FluxLayout& layout) {
  const SizeNames& names =
      layout.is_diffusers ? kDiffusersNames : kOriginalNames;
  const std::string& prefix = layout.prefix;
  FluxConfig config;
  config.hidden = SizeAt(index, prefix + names.image, 0, config.hidden);
  config.heads = config.hidden / kHeadDim;
  config.in_channels =
      SizeAt(index, prefix + names.image, 1, config.in_channels);
  config.context_width =
      SizeAt(index, prefix + names.context, 1, config.context_width);
  config.pooled_width =
      SizeAt(index, prefix + names.pooled, 1, config.pooled_width);
  config.mlp_hidden = SizeAt(index, prefix + names.mlp, 0, 4 * config.hidden);
  config.double_blocks = CountBlocks(index, prefix + names.double_blocks);
  config.single_blocks = CountBlocks(index, prefix + names.single_blocks);
  config.has_guidance = HasPrefix(index, prefix + names.guidance);
  return config;
}

std::optional<std::string> Detect(const TensorIndex& index) {
  const std::optional<FluxLayout> layout = FindFlux(index);
  if (!layout.has_value()) return std::nullopt;
  return absl::StrCat(
      "FLUX.1 ",
      ReadFluxConfig(index, *layout).has_guidance ? "dev" : "schnell",
      layout->is_diffusers ? ", Diffusers" : "");
}

}  // namespace atelier::trainer::flux
