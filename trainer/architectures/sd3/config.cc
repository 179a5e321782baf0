#include "trainer/architectures/sd3/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::sd3 {
namespace {

constexpr int64_t kHeadWidth = 64;

// Blocks of which any tensor is there.
int64_t CountBlocks(const TensorIndex& index, const std::string& blocks) {
  int64_t count = 0;
  while (HasPrefix(index, absl::StrCat(blocks, count, "."))) ++count;
  return count;
}

}  // namespace

std::string MmditConfig::variant() const {
  if (!qk_norm) return "SD3 Medium";
  return dual_attention_blocks > 0 ? "SD3.5 Medium" : "SD3.5 Large";
}

std::string MmditConfig::modelspec() const {
  if (!qk_norm) return "stable-diffusion-3-medium";
  return dual_attention_blocks > 0 ? "stable-diffusion-3-5-medium"
                                   : "stable-diffusion-3-5-large";
}

MmditConfig ReadMmditConfig(const TensorIndex& index,
                            const std::string& prefix) {
  MmditConfig config;
  const std::string patch = prefix + "x_embedder.proj.weight";
  const std::string blocks = prefix + "joint_blocks.";
  config.depth =
      SizeAt(index, patch, 0, kHeadWidth * CountBlocks(index, blocks)) /
      kHeadWidth;
  config.channels = SizeAt(index, patch, 1, config.channels);
  config.patch = SizeAt(index, patch, 2, config.patch);
  const int64_t positions = SizeAt(index, prefix + "pos_embed", 1,
                                   config.position_side * config.position_side);
  config.position_side =
      std::llround(std::sqrt(static_cast<double>(positions)));
  config.context_width = SizeAt(index, prefix + "context_embedder.weight", 1,
                                config.context_width);
  config.pooled_width =
      SizeAt(index, prefix + "y_embedder.mlp.0.weight", 1, config.pooled_width);
  config.mlp_hidden =
      SizeAt(index, blocks + "0.x_block.mlp.fc1.weight", 0, 4 * config.width());
  config.qk_norm = index.contains(blocks + "0.context_block.attn.ln_k.weight");
  config.dual_attention_blocks =
      CountNumbered(index, blocks, ".x_block.attn2.qkv.weight");
  return config;
}

std::optional<MmditPlace> FindMmdit(const TensorIndex& index) {
  for (const char* prefix : {kMmditPrefix, ""}) {
    if (HasPrefix(index, absl::StrCat(prefix, "joint_blocks."))) {
      return MmditPlace{.is_diffusers = false, .prefix = prefix};
    }
  }
  // FLUX.1 and Lumina Image 2 have no table of positions.
  for (const char* prefix : {"transformer/", ""}) {
    if (HasPrefix(index, absl::StrCat(prefix,
                                      "transformer_blocks.0.norm1_context.")) &&
        HasPrefix(index, absl::StrCat(prefix, "pos_embed."))) {
      return MmditPlace{.is_diffusers = true, .prefix = prefix};
    }
  }
  return std::nullopt;
}

std::optional<std::string> Detect(const TensorIndex& index) {
  const std::optional<MmditPlace> place = FindMmdit(index);
  if (!place.has_value()) return std::nullopt;
  if (!place->is_diffusers) {
    return ReadMmditConfig(index, place->prefix).variant();
  }
  MmditConfig config;
  const std::string first = place->prefix + "transformer_blocks.0.";
  config.qk_norm = index.contains(first + "attn.norm_added_k.weight");
  config.dual_attention_blocks = HasPrefix(index, first + "attn2.") ? 1 : 0;
  return config.variant() + ", Diffusers layout";
}

}  // namespace atelier::trainer::sd3
