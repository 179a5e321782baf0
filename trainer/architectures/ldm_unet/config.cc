#include "trainer/architectures/ldm_unet/config.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer {
namespace {

// Channels of a level over those of the first, in Stable Diffusion 1 and 2.
int64_t UsualMultiple(size_t level) {
  return level == 0 ? 1 : level == 1 ? 2 : 4;
}

int64_t CountBlocks(const TensorIndex& index, const std::string& transformer) {
  return std::max<int64_t>(
      1, CountNumbered(index, transformer + "transformer_blocks.",
                       ".norm1.weight"));
}

}  // namespace

LdmUnetConfig ReadLdmUnetConfig(const TensorIndex& index,
                                const std::string& prefix,
                                const LdmUnetFamily& family) {
  LdmUnetConfig config;
  config.heads = family.heads;
  config.head_channels = family.head_channels;
  const std::string first = prefix + "input_blocks.0.0.weight";
  config.in_channels = SizeAt(index, first, 1, config.in_channels);
  config.model_channels = SizeAt(index, first, 0, config.model_channels);
  config.out_channels =
      SizeAt(index, prefix + "out.2.weight", 0, config.out_channels);
  config.time_channels = SizeAt(index, prefix + "time_embed.0.weight", 0,
                                4 * config.model_channels);
  config.label_channels = SizeAt(index, prefix + "label_emb.0.0.weight", 1, 0);
  config.middle_depth = CountBlocks(index, prefix + "middle_block.1.");

  const LdmUnetPlaces places{static_cast<int64_t>(family.has_attention.size()),
                             config.res_blocks};
  for (size_t level = 0; level < family.has_attention.size(); ++level) {
    const std::string block = absl::StrCat(
        prefix, "input_blocks.", places.Down(static_cast<int64_t>(level), 0));
    config.channels.push_back(
        SizeAt(index, block + ".0.in_layers.2.weight", 0,
               config.model_channels * UsualMultiple(level)));
    config.depths.push_back(
        family.has_attention[level] ? CountBlocks(index, block + ".1.") : 0);
  }
  const std::string transformer = prefix + "middle_block.1.";
  config.context_channels =
      SizeAt(index, transformer + "transformer_blocks.0.attn2.to_k.weight", 1,
             config.context_channels);
  const auto projection = index.find(transformer + "proj_in.weight");
  config.linear_projection =
      projection != index.end() && projection->second.shape.size() == 2;
  return config;
}

}  // namespace atelier::trainer
