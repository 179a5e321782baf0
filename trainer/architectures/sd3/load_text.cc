#include "trainer/architectures/sd3/load_text.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/components/load_t5.h"
#include "trainer/architectures/components/t5_tokenizer.h"
#include "trainer/checkpoint/index_sizes.h"

namespace atelier::trainer::sd3 {
namespace {

constexpr char kEmbedTokens[] = "encoder.embed_tokens.weight";

class TextLoader {
 public:
  TextLoader(const ModelSources& sources, const ModelOptions& options)
      : sources_(sources), main_(*sources.main), options_(options) {}

  absl::StatusOr<LoadedText> Load(const MmditConfig& transformer) {
    TextEncoderSet& set = text_.encoders;
    ASSIGN_OR_RETURN(set.clip_l,
                     LoadOneClip(ClipPlace("the CLIP-L text encoder", "clip_l",
                                           {kClipLPrefix, "text_encoder/"}),
                                 /*quick_gelu=*/true));
    ASSIGN_OR_RETURN(set.clip_g,
                     LoadOneClip(ClipPlace("the CLIP-G text encoder", "clip_g",
                                           {kClipGPrefix, "text_encoder_2/"}),
                                 /*quick_gelu=*/false));
    RETURN_IF_ERROR(LoadT5IfThere());
    RETURN_IF_ERROR(CheckWidths(transformer));
    ASSIGN_OR_RETURN(text_.tokenizers.clip,
                     OpenClipTokenizer(options_.tokenizer_dir));
    return std::move(text_);
  }

 private:
  absl::StatusOr<HeldEncoder<ClipTextEncoder>> LoadOneClip(
      const ComponentPlace& place, bool quick_gelu);
  absl::Status LoadT5IfThere();
  absl::Status CheckWidths(const MmditConfig& transformer) const;

  const ModelSources& sources_;
  const CheckpointSource& main_;
  const ModelOptions& options_;
  LoadedText text_;
};

absl::StatusOr<HeldEncoder<ClipTextEncoder>> TextLoader::LoadOneClip(
    const ComponentPlace& place, bool quick_gelu) {
  ClipLoadOptions load;
  load.place = place;
  load.quick_gelu = quick_gelu;
  load.wants_projection = true;
  ASSIGN_OR_RETURN(LoadedClip clip, LoadClip(sources_, load));
  const std::string& embedded = place.prefixes.front();
  for (const auto& [name, dtype] : clip.dtypes) {
    text_.dtypes[embedded + name] = dtype;
  }
  if (clip.found.source == &main_) {
    text_.held.insert(clip.loaded.begin(), clip.loaded.end());
    for (const auto& [name, tensor] : clip.untouched) {
      text_.held.insert(clip.found.prefix + name);
    }
  }
  AllowTraining(*clip.encoder);
  return HeldEncoder<ClipTextEncoder>{std::move(clip.encoder),
                                      HasPrefix(main_.index(), embedded),
                                      std::move(clip.untouched)};
}

absl::Status TextLoader::LoadT5IfThere() {
  absl::StatusOr<LoadedT5> t5 =
      LoadT5(sources_, T5Place({kT5Prefix, "text_encoder_3/"}));
  const bool comes_with_clips =
      sources_.Find("clip_l") == nullptr && sources_.Find("clip_g") == nullptr;
  if (absl::IsNotFound(t5.status()) && comes_with_clips) {
    text_.warning = absl::StrCat(
        main_.path(),
        " has the CLIP text encoders without T5, so T5's part of the context "
        "is zeros; give its file as t5xxl to train with it");
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(t5.status());
  for (const auto& [name, dtype] : t5->dtypes) {
    text_.dtypes[kT5Prefix + name] = dtype;
  }
  const std::string repeated = t5->found.prefix + kEmbedTokens;
  if (t5->has_embed_tokens) {
    text_.dtypes[absl::StrCat(kT5Prefix, kEmbedTokens)] =
        t5->found.source->index().at(repeated).dtype;
  }
  if (t5->found.source == &main_) {
    text_.held.insert(t5->loaded.begin(), t5->loaded.end());
    text_.held.insert(repeated);
  }
  AllowTraining(*t5->encoder);
  text_.encoders.t5.encoder = t5->encoder.ptr();
  text_.encoders.t5.is_embedded = HasPrefix(main_.index(), kT5Prefix);
  text_.encoders.t5_repeats_embedding = t5->has_embed_tokens;
  ASSIGN_OR_RETURN(text_.tokenizers.t5,
                   OpenT5Tokenizer(options_.tokenizer_dir, *t5));
  return absl::OkStatus();
}

absl::Status TextLoader::CheckWidths(const MmditConfig& transformer) const {
  const TextEncoderSet& set = text_.encoders;
  const int64_t states =
      set.clip_l.encoder->config().width + set.clip_g.encoder->config().width;
  const int64_t pooled =
      set.clip_l.encoder->pooled_width() + set.clip_g.encoder->pooled_width();
  if (states > transformer.context_width ||
      pooled != transformer.pooled_width) {
    return absl::InvalidArgumentError(absl::StrCat(
        "clip_l and clip_g are ", states, " wide together and give ", pooled,
        " pooled values; the transformer takes up to ",
        transformer.context_width, " and exactly ", transformer.pooled_width));
  }
  if (set.t5.encoder == nullptr) return absl::OkStatus();
  const int64_t width = set.t5.encoder->shared->weight.size(1);
  if (width == transformer.context_width) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("t5xxl is ", width, " wide; the transformer takes ",
                   transformer.context_width));
}

}  // namespace

absl::StatusOr<LoadedText> LoadTextEncoders(const ModelSources& sources,
                                            const ModelOptions& options,
                                            const MmditConfig& transformer) {
  return TextLoader(sources, options).Load(transformer);
}

}  // namespace atelier::trainer::sd3
