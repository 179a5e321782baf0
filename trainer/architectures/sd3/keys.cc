#include "trainer/architectures/sd3/keys.h"

#include "absl/strings/str_cat.h"

namespace atelier::trainer::sd3 {
namespace {

std::vector<KeyRule> BareKeys(int64_t depth) {
  const std::string last_context =
      absl::StrCat("transformer_blocks.", depth - 1, ".norm1_context.linear.*");
  const std::string last_context_original = absl::StrCat(
      "joint_blocks.", depth - 1, ".context_block.adaLN_modulation.1.*");
  return {
      {"pos_embed.pos_embed", "pos_embed", Rename()},
      {"pos_embed.proj.*", "x_embedder.proj.*", Rename()},
      {"context_embedder.*", "context_embedder.*", Rename()},
      {"time_text_embed.timestep_embedder.linear_1.*", "t_embedder.mlp.0.*",
       Rename()},
      {"time_text_embed.timestep_embedder.linear_2.*", "t_embedder.mlp.2.*",
       Rename()},
      {"time_text_embed.text_embedder.linear_1.*", "y_embedder.mlp.0.*",
       Rename()},
      {"time_text_embed.text_embedder.linear_2.*", "y_embedder.mlp.2.*",
       Rename()},

      // Diffusers keeps scale before shift where there is no gate.
      {last_context, last_context_original, SwapHalves()},
      {"norm_out.linear.*", "final_layer.adaLN_modulation.1.*", SwapHalves()},
      {"proj_out.*", "final_layer.linear.*", Rename()},

      {"transformer_blocks.{}.norm1.linear.*",
       "joint_blocks.{}.x_block.adaLN_modulation.1.*", Rename()},
      {"transformer_blocks.{}.norm1_context.linear.*",
       "joint_blocks.{}.context_block.adaLN_modulation.1.*", Rename()},
      {"transformer_blocks.{}.attn.to_q.*",
       "joint_blocks.{}.x_block.attn.qkv.*", Part(0, 3)},
      {"transformer_blocks.{}.attn.to_k.*",
       "joint_blocks.{}.x_block.attn.qkv.*", Part(1, 3)},
      {"transformer_blocks.{}.attn.to_v.*",
       "joint_blocks.{}.x_block.attn.qkv.*", Part(2, 3)},
      {"transformer_blocks.{}.attn.to_out.0.*",
       "joint_blocks.{}.x_block.attn.proj.*", Rename()},
      {"transformer_blocks.{}.attn.norm_q.*",
       "joint_blocks.{}.x_block.attn.ln_q.*", Rename()},
      {"transformer_blocks.{}.attn.norm_k.*",
       "joint_blocks.{}.x_block.attn.ln_k.*", Rename()},
      {"transformer_blocks.{}.attn.add_q_proj.*",
       "joint_blocks.{}.context_block.attn.qkv.*", Part(0, 3)},
      {"transformer_blocks.{}.attn.add_k_proj.*",
       "joint_blocks.{}.context_block.attn.qkv.*", Part(1, 3)},
      {"transformer_blocks.{}.attn.add_v_proj.*",
       "joint_blocks.{}.context_block.attn.qkv.*", Part(2, 3)},
      {"transformer_blocks.{}.attn.to_add_out.*",
       "joint_blocks.{}.context_block.attn.proj.*", Rename()},
      {"transformer_blocks.{}.attn.norm_added_q.*",
       "joint_blocks.{}.context_block.attn.ln_q.*", Rename()},
      {"transformer_blocks.{}.attn.norm_added_k.*",
       "joint_blocks.{}.context_block.attn.ln_k.*", Rename()},
      {"transformer_blocks.{}.attn2.to_q.*",
       "joint_blocks.{}.x_block.attn2.qkv.*", Part(0, 3)},
      {"transformer_blocks.{}.attn2.to_k.*",
       "joint_blocks.{}.x_block.attn2.qkv.*", Part(1, 3)},
      {"transformer_blocks.{}.attn2.to_v.*",
       "joint_blocks.{}.x_block.attn2.qkv.*", Part(2, 3)},
      {"transformer_blocks.{}.attn2.to_out.0.*",
       "joint_blocks.{}.x_block.attn2.proj.*", Rename()},
      {"transformer_blocks.{}.attn2.norm_q.*",
       "joint_blocks.{}.x_block.attn2.ln_q.*", Rename()},
      {"transformer_blocks.{}.attn2.norm_k.*",
       "joint_blocks.{}.x_block.attn2.ln_k.*", Rename()},
      {"transformer_blocks.{}.ff.net.0.proj.*",
       "joint_blocks.{}.x_block.mlp.fc1.*", Rename()},
      {"transformer_blocks.{}.ff.net.2.*", "joint_blocks.{}.x_block.mlp.fc2.*",
       Rename()},
      {"transformer_blocks.{}.ff_context.net.0.proj.*",
       "joint_blocks.{}.context_block.mlp.fc1.*", Rename()},
      {"transformer_blocks.{}.ff_context.net.2.*",
       "joint_blocks.{}.context_block.mlp.fc2.*", Rename()},
  };
}

}  // namespace

std::vector<KeyRule> DiffusersKeys(int64_t depth, const std::string& from,
                                   const std::string& to) {
  std::vector<KeyRule> rules = BareKeys(depth);
  for (KeyRule& rule : rules) {
    rule.from = from + rule.from;
    rule.to = to + rule.to;
  }
  return rules;
}

}  // namespace atelier::trainer::sd3
