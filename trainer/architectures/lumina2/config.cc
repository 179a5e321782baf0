#include "trainer/architectures/lumina2/config.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer::lumina2 {
namespace {

const std::vector<int64_t>* FindMatrix(const TensorIndex& index,
                                       const std::string& name) {
  const auto found = index.find(name);
  if (found == index.end() || found->second.shape.size() != 2) return nullptr;
  return &found->second.shape;
}

int64_t CountBlocks(const TensorIndex& index, const std::string& blocks) {
  int64_t count = 0;
  while (index.contains(
      absl::StrCat(blocks, ".", count, ".attention.qkv.weight"))) {
    ++count;
  }
  return count;
}

}  // namespace

std::optional<NextDitConfig> DetectNextDit(const TensorIndex& index,
                                           const std::string& prefix) {
  const auto* image = FindMatrix(index, prefix + "x_embedder.weight");
  const auto* caption = FindMatrix(index, prefix + "cap_embedder.1.weight");
  const auto* time = FindMatrix(index, prefix + "t_embedder.mlp.2.weight");
  const auto* qkv = FindMatrix(index, prefix + "layers.0.attention.qkv.weight");
  const auto* mlp =
      FindMatrix(index, prefix + "layers.0.feed_forward.w1.weight");
  if (image == nullptr || caption == nullptr || time == nullptr ||
      qkv == nullptr || mlp == nullptr) {
    return std::nullopt;
  }
  NextDitConfig config;
  config.width = (*image)[0];
  config.patch_channels = (*image)[1];
  config.caption_width = (*caption)[1];
  config.modulation_width = (*time)[0];
  config.feed_forward = (*mlp)[0];
  config.heads = config.width / kHeadDim;
  // Rows of qkv: the queries', then as many each of the keys' and values'.
  config.key_value_heads = ((*qkv)[0] / kHeadDim - config.heads) / 2;
  config.layers = CountBlocks(index, prefix + "layers");
  config.noise_refiners = CountBlocks(index, prefix + "noise_refiner");
  config.context_refiners = CountBlocks(index, prefix + "context_refiner");
  if (config.key_value_heads < 1) return std::nullopt;
  return config;
}

}  // namespace atelier::trainer::lumina2
