#include "trainer/architectures/components/load_t5.h"

#include <utility>

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer {
namespace {

constexpr char kShared[] = "shared.weight";
constexpr char kEmbedTokens[] = "encoder.embed_tokens.weight";

}  // namespace

ComponentPlace T5Place(std::vector<std::string> prefixes) {
  ComponentPlace place;
  place.what = "the T5 text encoder";
  place.option = "t5xxl";
  place.prefixes = std::move(prefixes);
  place.signs = {"encoder.block.0.layer.0.SelfAttention.q.weight"};
  return place;
}

absl::StatusOr<LoadedT5> LoadT5(const ModelSources& sources,
                                const ComponentPlace& place) {
  LoadedT5 t5;
  ASSIGN_OR_RETURN(t5.found, FindComponent(sources, place));
  const TensorIndex& index = t5.found.source->index();
  const std::string& prefix = t5.found.prefix;
  const bool has_shared = index.contains(prefix + kShared);
  t5.has_embed_tokens = index.contains(prefix + kEmbedTokens);
  t5.encoder = T5Encoder(ReadT5Config(index, prefix));
  ASSIGN_OR_RETURN(const KeyMap keys,
                   KeyMap::Make({{kEmbedTokens, kShared, Rename()},
                                 {kShared, kShared, Rename()},
                                 {"encoder.*", "encoder.*", Rename()}}));
  StateLoadOptions load;
  load.what = place.what;
  load.prefix = prefix;
  load.keeps_types = sources.keeps_types;
  load.keys = &keys;
  // The decoder of a whole T5 is not used.
  load.may_ignore = {"decoder.*", "lm_head.*"};
  if (has_shared) load.may_ignore.push_back(kEmbedTokens);
  ASSIGN_OR_RETURN(StateLoadResult state,
                   LoadState(*t5.found.source, load, *t5.encoder));
  t5.loaded = std::move(state.loaded);
  for (const std::string& name : t5.loaded) {
    t5.dtypes[name.substr(prefix.size())] = index.at(name).dtype;
  }
  if (!has_shared) t5.dtypes[kShared] = t5.dtypes.at(kEmbedTokens);
  return t5;
}

}  // namespace atelier::trainer
