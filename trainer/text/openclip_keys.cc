#include "trainer/text/openclip_keys.h"

#include "absl/strings/str_cat.h"

#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer {
namespace {

struct OpenClipName {
  const char* hugging_face;
  const char* open_clip;
};

constexpr OpenClipName kModelNames[] = {
    {"embeddings.token_embedding.weight", "token_embedding.weight"},
    {"embeddings.position_embedding.weight", "positional_embedding"},
    {"final_layer_norm.*", "ln_final.*"},
};

constexpr OpenClipName kLayerNames[] = {
    {"layer_norm1.*", "ln_1.*"},
    {"layer_norm2.*", "ln_2.*"},
    {"self_attn.out_proj.*", "attn.out_proj.*"},
    {"mlp.fc1.*", "mlp.c_fc.*"},
    {"mlp.fc2.*", "mlp.c_proj.*"},
};

constexpr const char* kJoinedNames[] = {
    "self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."};

}  // namespace

std::vector<KeyRule> OpenClipKeys(const std::string& from,
                                  const std::string& to, bool is_bare) {
  const std::string model = is_bare ? from : from + "text_model.";
  const std::string layer = model + "encoder.layers.{}.";
  const std::string block = to + "transformer.resblocks.{}.";
  std::vector<KeyRule> rules;
  for (const OpenClipName& name : kModelNames) {
    rules.push_back({model + name.hugging_face, to + name.open_clip, Rename()});
  }
  for (const OpenClipName& name : kLayerNames) {
    rules.push_back(
        {layer + name.hugging_face, block + name.open_clip, Rename()});
  }
  for (const char* kind : {"weight", "bias"}) {
    int part = 0;
    for (const char* name : kJoinedNames) {
      rules.push_back({absl::StrCat(layer, name, kind),
                       absl::StrCat(block, "attn.in_proj_", kind),
                       Part(part++, std::size(kJoinedNames))});
    }
  }
  rules.push_back(
      {from + "text_projection.weight", to + "text_projection", Transpose()});
  return rules;
}

ClipTextConfig ReadOpenClipConfig(const TensorIndex& index,
                                  const std::string& prefix) {
  ClipTextConfig config;
  config.quick_gelu = false;
  const std::string token = prefix + "token_embedding.weight";
  config.vocabulary = SizeAt(index, token, 0, config.vocabulary);
  config.width = SizeAt(index, token, 1, config.width);
  config.positions =
      SizeAt(index, prefix + "positional_embedding", 0, config.positions);
  const std::string blocks = prefix + "transformer.resblocks.";
  config.mlp_width =
      SizeAt(index, blocks + "0.mlp.c_fc.weight", 0, 4 * config.width);
  const int64_t count = CountNumbered(index, blocks, ".mlp.c_fc.weight");
  if (count > 0) config.layers = count;
  return config;
}

}  // namespace atelier::trainer
