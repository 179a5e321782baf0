#include "trainer/architectures/components/load_clip.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/clip_tokenizer_files.h"
#include "trainer/checkpoint/index_sizes.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer {
namespace {

constexpr char kTextModel[] = "text_model.";
constexpr char kProjection[] = "text_projection.weight";
constexpr int64_t kClipHeadWidth = 64;

bool IsBare(const FoundComponent& found) {
  return found.source->index().contains(found.prefix +
                                        "embeddings.token_embedding.weight");
}

// Names after the prefix to those of the module.
std::vector<KeyRule> ClipKeys(bool is_bare) {
  std::vector<KeyRule> rules = {{kProjection, kProjection, Rename()}};
  const std::string before = is_bare ? "" : kTextModel;
  for (const char* part : {"embeddings.*", "encoder.*", "final_layer_norm.*"}) {
    rules.push_back({before + part, absl::StrCat(kTextModel, part), Rename()});
  }
  return rules;
}

std::string ModuleName(const std::string& name, bool is_bare) {
  return is_bare && name != kProjection ? kTextModel + name : name;
}

StateLoadOptions ClipStateOptions(const ClipLoadOptions& options,
                                  const FoundComponent& found) {
  StateLoadOptions load;
  load.what = options.place.what;
  load.prefix = found.prefix;
  load.may_ignore = {"text_model.embeddings.position_ids",
                     "embeddings.position_ids", "logit_scale"};
  if (!options.wants_projection) load.may_ignore.push_back(kProjection);
  return load;
}

// Tensors beside the encoder's own.
absl::Status KeepTheRest(const std::set<std::string>& held, bool is_bare,
                         LoadedClip& clip) {
  const TensorIndex& index = clip.found.source->index();
  const std::string& prefix = clip.found.prefix;
  for (auto entry = index.lower_bound(prefix);
       entry != index.end() && entry->first.starts_with(prefix); ++entry) {
    if (held.contains(entry->first)) continue;
    const std::string rest = entry->first.substr(prefix.size());
    const std::string name =
        rest == "logit_scale" ? rest : ModuleName(rest, is_bare);
    ASSIGN_OR_RETURN(const Tensor tensor,
                     clip.found.source->Read(entry->first));
    clip.untouched[name] = tensor.clone();
    clip.dtypes[name] = entry->second.dtype;
  }
  return absl::OkStatus();
}

}  // namespace

ClipTextEncoder::ClipTextEncoder(const ClipTextConfig& config,
                                 int64_t projection_width)
    : ClipTextModel(config) {
  if (projection_width <= 0) return;
  text_projection_ = register_module(
      "text_projection",
      Linear(config.width, projection_width, /*has_bias=*/false));
}

Tensor ClipTextEncoder::Project(const Tensor& pooled) {
  return has_projection() ? text_projection_(pooled) : pooled;
}

int64_t ClipTextEncoder::pooled_width() const {
  return has_projection() ? text_projection_->weight.size(0) : config().width;
}

ComponentPlace ClipPlace(const std::string& what, const std::string& option,
                         std::vector<std::string> prefixes) {
  ComponentPlace place;
  place.what = what;
  place.option = option;
  place.prefixes = std::move(prefixes);
  place.signs = {"text_model.embeddings.token_embedding.weight",
                 "embeddings.token_embedding.weight"};
  return place;
}

absl::StatusOr<LoadedClip> LoadClip(const ModelSources& sources,
                                    const ClipLoadOptions& options) {
  LoadedClip clip;
  ASSIGN_OR_RETURN(clip.found, FindComponent(sources, options.place));
  const TensorIndex& index = clip.found.source->index();
  const std::string& prefix = clip.found.prefix;
  const bool is_bare = IsBare(clip.found);
  const int64_t projection =
      options.wants_projection ? SizeAt(index, prefix + kProjection, 0, 0) : 0;
  clip.encoder = std::make_shared<ClipTextEncoder>(
      ReadClipTextConfig(index, is_bare ? prefix : prefix + kTextModel,
                         options.quick_gelu),
      projection);
  RETURN_IF_ERROR(CheckClipWidth(clip, options.place.what));
  ASSIGN_OR_RETURN(const KeyMap keys, KeyMap::Make(ClipKeys(is_bare)));
  StateLoadOptions load = ClipStateOptions(options, clip.found);
  load.keys = &keys;
  load.keeps_types = sources.keeps_types;
  ASSIGN_OR_RETURN(StateLoadResult state,
                   LoadState(*clip.found.source, load, *clip.encoder));
  clip.loaded = std::move(state.loaded);
  for (const std::string& name : clip.loaded) {
    clip.dtypes[ModuleName(name.substr(prefix.size()), is_bare)] =
        index.at(name).dtype;
  }
  RETURN_IF_ERROR(
      KeepTheRest({clip.loaded.begin(), clip.loaded.end()}, is_bare, clip));
  return clip;
}

absl::Status CheckClipWidth(const LoadedClip& clip, const std::string& what) {
  const int64_t width = clip.encoder->config().width;
  if (width > 0 && width % kClipHeadWidth == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(clip.found.source->path(), ": ", what, " is ", width,
                   " wide; expected a multiple of ", kClipHeadWidth));
}

absl::Status CheckVocabulary(const LoadedClip& clip,
                             const ClipTokenizer& tokenizer) {
  const int64_t known = clip.encoder->config().vocabulary;
  if (known > tokenizer.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      clip.found.source->path(), ": the CLIP text encoder knows ", known,
      " tokens; the tokenizer needs ", tokenizer.end() + 1));
}

absl::StatusOr<std::unique_ptr<ClipTokenizer>> OpenClipTokenizer(
    const std::string& tokenizer_dir) {
  ASSIGN_OR_RETURN(const std::string folder, FindClipTokenizer(tokenizer_dir));
  return ClipTokenizer::Open(folder);
}

}  // namespace atelier::trainer
