#include "trainer/architectures/components/load_open_clip.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/stored_types.h"
#include "trainer/checkpoint/index_sizes.h"
#include "trainer/checkpoint/state_loader.h"
#include "trainer/text/openclip_keys.h"

namespace atelier::trainer {

absl::StatusOr<LoadedClip> LoadOpenClip(const CheckpointSource& source,
                                        const OpenClipLoadOptions& options) {
  const std::string& prefix = options.prefix;
  ClipTextConfig config = ReadOpenClipConfig(source.index(), prefix);
  StateLoadOptions load;
  load.what = options.what;
  load.prefix = prefix;
  load.keeps_types = options.keeps_types;
  load.may_ignore = {"logit_scale", "attn_mask"};
  if (!options.wants_projection) load.may_ignore.push_back("text_projection");
  for (int64_t i = 0; i < options.unused_layers && config.layers > 1; ++i) {
    load.may_ignore.push_back(
        absl::StrCat("transformer.resblocks.", --config.layers, ".*"));
  }
  LoadedClip clip;
  clip.found = {&source, prefix};
  clip.encoder = std::make_shared<ClipTextEncoder>(
      config,
      options.wants_projection
          ? SizeAt(source.index(), prefix + "text_projection", 1, config.width)
          : 0);
  RETURN_IF_ERROR(CheckClipWidth(clip, options.what));
  ASSIGN_OR_RETURN(const KeyMap keys, KeyMap::Make(OpenClipKeys("", "")));
  load.keys = &keys;
  load.direction = KeyMap::Direction::kBackward;
  ASSIGN_OR_RETURN(StateLoadResult state,
                   LoadState(source, load, *clip.encoder));
  ASSIGN_OR_RETURN(clip.dtypes, StoredTypes(source, load, state));
  clip.loaded = std::move(state.loaded);
  return clip;
}

}  // namespace atelier::trainer
