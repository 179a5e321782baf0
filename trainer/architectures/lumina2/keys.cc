#include "trainer/architectures/lumina2/keys.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer::lumina2 {
namespace {

// Rows of one list of blocks; those of the context refiner have no modulation.
void AddBlockKeys(const std::string& blocks, bool is_modulated, int64_t groups,
                  std::vector<KeyRule>& rules) {
  const auto add = [&](const std::string& from, const std::string& to,
                       KeyOp op) {
    rules.push_back({absl::StrCat(blocks, ".{}.", from),
                     absl::StrCat(blocks, ".{}.", to), op});
  };
  add("attn.to_q.weight", "attention.qkv.weight", Part(0, 3, groups));
  add("attn.to_k.weight", "attention.qkv.weight", Part(1, 3));
  add("attn.to_v.weight", "attention.qkv.weight", Part(2, 3));
  add("attn.to_out.0.weight", "attention.out.weight", Rename());
  add("attn.norm_q.weight", "attention.q_norm.weight", Rename());
  add("attn.norm_k.weight", "attention.k_norm.weight", Rename());
  add("feed_forward.linear_1.weight", "feed_forward.w1.weight", Rename());
  add("feed_forward.linear_2.weight", "feed_forward.w2.weight", Rename());
  add("feed_forward.linear_3.weight", "feed_forward.w3.weight", Rename());
  add("ffn_norm1.weight", "ffn_norm1.weight", Rename());
  add("ffn_norm2.weight", "ffn_norm2.weight", Rename());
  add("norm2.weight", "attention_norm2.weight", Rename());
  if (is_modulated) {
    add("norm1.norm.weight", "attention_norm1.weight", Rename());
    add("norm1.linear.*", "adaLN_modulation.1.*", Rename());
  } else {
    add("norm1.weight", "attention_norm1.weight", Rename());
  }
}

}  // namespace

std::vector<KeyRule> DiffusersKeys(const NextDitConfig& config) {
  std::vector<KeyRule> rules = {
      {"x_embedder.*", "x_embedder.*", Rename()},
      {"time_caption_embed.timestep_embedder.linear_1.*", "t_embedder.mlp.0.*",
       Rename()},
      {"time_caption_embed.timestep_embedder.linear_2.*", "t_embedder.mlp.2.*",
       Rename()},
      {"time_caption_embed.caption_embedder.{}.*", "cap_embedder.{}.*",
       Rename()},
      {"norm_out.linear_1.*", "final_layer.adaLN_modulation.1.*", Rename()},
      {"norm_out.linear_2.*", "final_layer.linear.*", Rename()},
  };
  const int64_t groups = config.heads / config.key_value_heads;
  AddBlockKeys("layers", true, groups, rules);
  AddBlockKeys("noise_refiner", true, groups, rules);
  AddBlockKeys("context_refiner", false, groups, rules);
  return rules;
}

}  // namespace atelier::trainer::lumina2
