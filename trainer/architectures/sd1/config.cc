#include "trainer/architectures/sd1/config.h"

#include "absl/strings/match.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::sd1 {
namespace {

// In names of either layout.
bool HasLinearProjection(const TensorIndex& index, const std::string& prefix) {
  for (auto entry = index.lower_bound(prefix);
       entry != index.end() && entry->first.starts_with(prefix); ++entry) {
    if (absl::EndsWith(entry->first, ".proj_in.weight")) {
      return entry->second.shape.size() == 2;
    }
  }
  return false;
}

}  // namespace

const LdmUnetFamily& UnetFamily() {
  static const auto* const kFamily = [] {
    auto* family = new LdmUnetFamily();
    family->has_attention = {true, true, true, false};
    family->heads = 8;
    return family;
  }();
  return *kFamily;
}

bool IsDiffusersFolder(const TensorIndex& index) {
  return HasPrefix(index, "unet/");
}

std::optional<std::string> Detect(const TensorIndex& index) {
  if (IsDiffusersFolder(index)) {
    const bool is_other = HasPrefix(index, "unet/add_embedding.") ||
                          HasPrefix(index, "text_encoder_2/") ||
                          HasLinearProjection(index, "unet/");
    if (is_other || !HasPrefix(index, "unet/down_blocks.")) return {};
    return "Stable Diffusion 1.x, Diffusers folder";
  }
  const std::string unet = kUnetPrefix;
  const bool is_other = HasPrefix(index, unet + "label_emb.") ||
                        HasPrefix(index, "cond_stage_model.model.") ||
                        HasPrefix(index, "conditioner.") ||
                        HasPrefix(index, "control_model.") ||
                        HasLinearProjection(index, unet);
  if (is_other || !HasPrefix(index, unet + "input_blocks.")) return {};
  return "Stable Diffusion 1.x";
}

}  // namespace atelier::trainer::sd1
