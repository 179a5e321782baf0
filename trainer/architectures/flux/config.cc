#include "trainer/architectures/flux/config.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer::flux {
namespace {

const std::vector<int64_t>* FindMatrix(const TensorIndex& index,
                                       const std::string& name) {
  const auto found = index.find(name);
  if (found == index.end() || found->second.shape.size() != 2) return nullptr;
  return &found->second.shape;
}

int64_t CountBlocks(const TensorIndex& index, const std::string& blocks,
                    const std::string& member) {
  int64_t count = 0;
  while (index.contains(absl::StrCat(blocks, ".", count, ".", member))) {
    ++count;
  }
  return count;
}

}  // namespace

std::optional<FluxConfig> DetectFlux(const TensorIndex& index,
                                     const std::string& prefix) {
  const auto* image = FindMatrix(index, prefix + "img_in.weight");
  const auto* text = FindMatrix(index, prefix + "txt_in.weight");
  const auto* vector = FindMatrix(index, prefix + "vector_in.in_layer.weight");
  const auto* mlp =
      FindMatrix(index, prefix + "double_blocks.0.img_mlp.0.weight");
  if (image == nullptr || text == nullptr || vector == nullptr ||
      mlp == nullptr) {
    return std::nullopt;
  }
  FluxConfig config;
  config.hidden = (*image)[0];
  config.in_channels = (*image)[1];
  config.heads = config.hidden / kHeadDim;
  config.context_width = (*text)[1];
  config.pooled_width = (*vector)[1];
  config.mlp_hidden = (*mlp)[0];
  config.double_blocks =
      CountBlocks(index, prefix + "double_blocks", "img_attn.qkv.weight");
  config.single_blocks =
      CountBlocks(index, prefix + "single_blocks", "linear1.weight");
  config.has_guidance = index.contains(prefix + "guidance_in.in_layer.weight");
  return config;
}

}  // namespace atelier::trainer::flux
