#include "trainer/architectures/sd3/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace atelier::trainer::sd3 {
namespace {

const std::vector<int64_t>* FindShape(const TensorIndex& index,
                                      const std::string& name, size_t dims) {
  const auto found = index.find(name);
  if (found == index.end() || found->second.shape.size() != dims) {
    return nullptr;
  }
  return &found->second.shape;
}

}  // namespace

std::string MmditConfig::variant() const {
  if (!qk_norm) return "SD3 Medium";
  return dual_attention_blocks > 0 ? "SD3.5 Medium" : "SD3.5 Large";
}

std::optional<MmditConfig> DetectMmdit(const TensorIndex& index,
                                       const std::string& prefix) {
  const auto* patch = FindShape(index, prefix + "x_embedder.proj.weight", 4);
  const auto* table = FindShape(index, prefix + "pos_embed", 3);
  const auto* context = FindShape(index, prefix + "context_embedder.weight", 2);
  const auto* pooled = FindShape(index, prefix + "y_embedder.mlp.0.weight", 2);
  const std::string first = prefix + "joint_blocks.0.";
  const auto* mlp = FindShape(index, first + "x_block.mlp.fc1.weight", 2);
  if (patch == nullptr || table == nullptr || context == nullptr ||
      pooled == nullptr || mlp == nullptr) {
    return std::nullopt;
  }
  MmditConfig config;
  config.depth = (*patch)[0] / 64;
  config.channels = (*patch)[1];
  config.patch = (*patch)[2];
  config.position_side =
      std::llround(std::sqrt(static_cast<double>((*table)[1])));
  config.context_width = (*context)[1];
  config.pooled_width = (*pooled)[1];
  config.mlp_hidden = (*mlp)[0];
  config.qk_norm = index.contains(first + "context_block.attn.ln_k.weight");
  config.dual_attention_blocks = 0;
  while (index.contains(absl::StrCat(prefix, "joint_blocks.",
                                     config.dual_attention_blocks,
                                     ".x_block.attn2.qkv.weight"))) {
    ++config.dual_attention_blocks;
  }
  return config;
}

}  // namespace atelier::trainer::sd3
