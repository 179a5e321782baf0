#include "trainer/vae/keys.h"

namespace atelier::trainer {
namespace {

struct AttentionName {
  const char* diffusers;
  const char* original;
};

// Those written today first: on the way to Diffusers the first row counts.
constexpr AttentionName kAttentionNames[] = {
    {"to_q", "q"},  {"to_k", "k"}, {"to_v", "v"},  {"to_out.0", "proj_out"},
    {"query", "q"}, {"key", "k"},  {"value", "v"}, {"proj_attn", "proj_out"},
};

void AddMiddleKeys(const std::string& from, const std::string& to,
                   std::vector<KeyRule>& rules) {
  rules.push_back(
      {from + "mid_block.resnets.0.*", to + "mid.block_1.*", Rename()});
  rules.push_back(
      {from + "mid_block.resnets.1.*", to + "mid.block_2.*", Rename()});
  const std::string attention = from + "mid_block.attentions.0.";
  rules.push_back(
      {attention + "group_norm.*", to + "mid.attn_1.norm.*", Rename()});
  for (const auto& [diffusers, original] : kAttentionNames) {
    const std::string target = to + "mid.attn_1." + original;
    rules.push_back(
        {attention + diffusers + ".weight", target + ".weight", ToConv1x1()});
    rules.push_back(
        {attention + diffusers + ".bias", target + ".bias", Rename()});
  }
}

void AddLevelKeys(int64_t levels, const std::string& from,
                  const std::string& to, std::vector<KeyRule>& rules) {
  const auto add = [&](const std::string& diffusers,
                       const std::string& original) {
    rules.push_back({from + diffusers, to + original, Rename()});
  };
  for (int64_t i = 0; i < levels; ++i) {
    const std::string down = "encoder.down_blocks." + std::to_string(i);
    const std::string level = "encoder.down." + std::to_string(i);
    add(down + ".resnets.{}.conv_shortcut.*",
        level + ".block.{}.nin_shortcut.*");
    add(down + ".resnets.*", level + ".block.*");
    add(down + ".downsamplers.0.conv.*", level + ".downsample.conv.*");

    const std::string up = "decoder.up_blocks." + std::to_string(i);
    const std::string mirrored = "decoder.up." + std::to_string(levels - 1 - i);
    add(up + ".resnets.{}.conv_shortcut.*",
        mirrored + ".block.{}.nin_shortcut.*");
    add(up + ".resnets.*", mirrored + ".block.*");
    add(up + ".upsamplers.0.conv.*", mirrored + ".upsample.conv.*");
  }
}

}  // namespace

std::vector<KeyRule> AutoencoderDiffusersKeys(int64_t levels,
                                              const std::string& from,
                                              const std::string& to) {
  std::vector<KeyRule> rules;
  AddLevelKeys(levels, from, to, rules);
  for (const char* half : {"encoder.", "decoder."}) {
    AddMiddleKeys(from + half, to + half, rules);
    rules.push_back(
        {from + half + "conv_norm_out.*", to + half + "norm_out.*", Rename()});
    rules.push_back(
        {from + half + "conv_in.*", to + half + "conv_in.*", Rename()});
    rules.push_back(
        {from + half + "conv_out.*", to + half + "conv_out.*", Rename()});
  }
  rules.push_back({from + "quant_conv.*", to + "quant_conv.*", Rename()});
  rules.push_back(
      {from + "post_quant_conv.*", to + "post_quant_conv.*", Rename()});
  return rules;
}

}  // namespace atelier::trainer
