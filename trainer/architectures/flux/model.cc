#include "trainer/architectures/flux/model.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/caption_lengths.h"
#include "trainer/architectures/components/load_clip.h"
#include "trainer/architectures/components/load_t5.h"
#include "trainer/architectures/components/load_vae.h"
#include "trainer/architectures/components/stored_types.h"
#include "trainer/architectures/components/t5_tokenizer.h"
#include "trainer/architectures/flux/conditioner.h"
#include "trainer/architectures/flux/keys.h"
#include "trainer/architectures/flux/recipe.h"
#include "trainer/architectures/flux/transformer.h"
#include "trainer/architectures/known_checkpoints.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer::flux {
namespace {

constexpr int64_t kPatchCells = 4;  // 2 x 2
constexpr int64_t kDevT5Length = 512;
constexpr int64_t kSchnellT5Length = 256;

// Collects what the sources give to a model.
class Loader {
 public:
  Loader(const ModelSources& sources, const FluxLayout& layout,
         const ModelOptions& options)
      : sources_(sources),
        main_(*sources.main),
        layout_(layout),
        options_(options),
        config_(ReadFluxConfig(main_.index(), layout)) {}

  absl::StatusOr<Model> Load() {
    RETURN_IF_ERROR(CheckSizes());
    RETURN_IF_ERROR(LoadTransformer());
    RETURN_IF_ERROR(LoadText());
    VaeLoadOptions vae;
    vae.scaling = kLatentScaling;
    vae.latent_channels = latent_channels();
    ASSIGN_OR_RETURN(LoadedVae loaded, LoadVae(sources_, vae));
    model_.vae = std::move(loaded.autoencoder.vae);
    ASSIGN_OR_RETURN(model_.recipe, MakeRecipe(config_.has_guidance,
                                               latent_channels(), options_));
    model_.modelspec_architecture =
        config_.has_guidance ? "flux-1-dev" : "flux-1-schnell";
    return std::move(model_);
  }

 private:
  int64_t latent_channels() const { return config_.in_channels / kPatchCells; }
  absl::Status CheckSizes() const;
  absl::Status LoadTransformer();
  absl::Status LoadText();
  absl::Status CheckWidth(const CheckpointSource& source, const char* what,
                          int64_t width, int64_t expected) const;

  const ModelSources& sources_;
  const CheckpointSource& main_;
  FluxLayout layout_;
  const ModelOptions& options_;
  FluxConfig config_;
  Model model_;
};

absl::Status Loader::CheckSizes() const {
  const std::string output =
      layout_.prefix + (layout_.is_diffusers ? "proj_out.weight"
                                             : "final_layer.linear."
                                               "weight");
  const auto found = main_.index().find(output);
  if (found != main_.index().end() && !found->second.shape.empty() &&
      found->second.shape[0] != config_.in_channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        main_.path(), ": the transformer takes ", config_.in_channels,
        " channels a patch and returns ", found->second.shape[0],
        "; models that are given a picture besides (Fill, Canny, Depth) cannot "
        "be trained here"));
  }
  if (config_.hidden % kHeadDim != 0 ||
      config_.in_channels % kPatchCells != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(main_.path(), ": the transformer is ", config_.hidden,
                     " wide and takes ", config_.in_channels,
                     " channels a patch; expected multiples of ", kHeadDim,
                     " and ", kPatchCells));
  }
  return absl::OkStatus();
}

absl::Status Loader::LoadTransformer() {
  const auto transformer = std::make_shared<FluxImpl>(config_);
  ASSIGN_OR_RETURN(const KeyMap keys, KeyMap::Make(DiffusersKeys()));
  StateLoadOptions load;
  load.what = "the transformer of FLUX.1";
  load.prefix = layout_.prefix;
  load.keeps_types = sources_.keeps_types;
  if (layout_.is_diffusers) load.keys = &keys;
  // Other parts of a whole model whose transformer has no prefix.
  load.may_ignore = {"text_encoders.*", "vae.*", "first_stage_model.*"};
  ASSIGN_OR_RETURN(const StateLoadResult state,
                   LoadState(main_, load, *transformer));
  ASSIGN_OR_RETURN(model_.source_dtypes, StoredTypes(main_, load, state));
  AllowTraining(*transformer);
  model_.denoiser = transformer;
  return absl::OkStatus();
}

absl::Status Loader::CheckWidth(const CheckpointSource& source,
                                const char* what, int64_t width,
                                int64_t expected) const {
  if (width == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      source.path(), ": ", what, " is ", width, " wide, the transformer of ",
      main_.path(), " takes ", expected));
}

absl::Status Loader::LoadText() {
  ClipLoadOptions clip_options;
  clip_options.place =
      ClipPlace("the CLIP-L text encoder", "clip_l",
                {"text_encoder/", "text_encoders.clip_l.transformer.",
                 "text_encoders.clip_l."});
  FluxTextEncoders encoders;
  ASSIGN_OR_RETURN(const LoadedClip clip, LoadClip(sources_, clip_options));
  RETURN_IF_ERROR(CheckWidth(*clip.found.source, "the CLIP-L text encoder",
                             clip.encoder->config().width,
                             config_.pooled_width));
  encoders.clip = clip.encoder;
  ASSIGN_OR_RETURN(encoders.clip_tokenizer,
                   OpenClipTokenizer(options_.tokenizer_dir));
  RETURN_IF_ERROR(CheckVocabulary(clip, *encoders.clip_tokenizer));

  ASSIGN_OR_RETURN(const LoadedT5 t5,
                   LoadT5(sources_, T5Place({"text_encoder_2/",
                                             "text_encoders.t5xxl.transformer.",
                                             "text_encoders.t5xxl."})));
  RETURN_IF_ERROR(CheckWidth(*t5.found.source, "the T5 text encoder",
                             t5.encoder->shared->weight.size(1),
                             config_.context_width));
  encoders.t5 = t5.encoder;
  ASSIGN_OR_RETURN(encoders.t5_tokenizer,
                   OpenT5Tokenizer(options_.tokenizer_dir, t5));

  FluxTextOptions text;
  text.t5_length = config_.has_guidance ? kDevT5Length : kSchnellT5Length;
  if (options_.t5xxl_max_token_length > 0) {
    text.t5_length = options_.t5xxl_max_token_length;
  }
  text.masks_t5 = options_.apply_t5_attn_mask;
  text.has_guidance = config_.has_guidance;
  text.guidance_scale = options_.guidance_scale;
  model_.conditioner =
      std::make_unique<FluxConditioner>(std::move(encoders), text);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options) {
  const TensorIndex& index = sources.main->index();
  const std::optional<FluxLayout> layout = FindFlux(index);
  if (!layout.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        sources.main->path(), " is not a FLUX.1 model; it seems to be ",
        DescribeCheckpoint(index)));
  }
  return Loader(sources, *layout, options).Load();
}

absl::StatusOr<std::vector<CaptionLength>> CaptionLengths(
    const ModelSources& sources, const ModelOptions& options) {
  ASSIGN_OR_RETURN(CaptionLength clip,
                   ClipCaptionLength(options, kClipRowTokens));
  ASSIGN_OR_RETURN(CaptionLength t5,
                   T5CaptionLength(sources, options, kDevT5Length));
  return std::vector<CaptionLength>{std::move(clip), std::move(t5)};
}

}  // namespace atelier::trainer::flux
