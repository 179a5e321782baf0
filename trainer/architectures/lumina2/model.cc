#include "trainer/architectures/lumina2/model.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/load_vae.h"
#include "trainer/architectures/components/stored_types.h"
#include "trainer/architectures/known_checkpoints.h"
#include "trainer/architectures/lumina2/conditioner.h"
#include "trainer/architectures/lumina2/keys.h"
#include "trainer/architectures/lumina2/recipe.h"
#include "trainer/architectures/lumina2/text_encoder.h"
#include "trainer/architectures/lumina2/transformer.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer::lumina2 {
namespace {

constexpr int64_t kPatchCells = 4;  // 2 x 2
constexpr char kUnusedNorm[] = "norm_final.weight";

// Collects what the sources give to a model.
class Loader {
 public:
  Loader(const ModelSources& sources, const NextDitLayout& layout,
         const ModelOptions& options)
      : sources_(sources),
        main_(*sources.main),
        layout_(layout),
        options_(options),
        config_(ReadNextDitConfig(main_.index(), layout)) {}

  absl::StatusOr<Model> Load() {
    RETURN_IF_ERROR(CheckSizes());
    RETURN_IF_ERROR(CheckCaptions());
    RETURN_IF_ERROR(LoadTransformer());
    RETURN_IF_ERROR(LoadText());
    VaeLoadOptions vae;
    vae.scaling = kLatentScaling;
    vae.latent_channels = latent_channels();
    ASSIGN_OR_RETURN(LoadedVae loaded, LoadVae(sources_, vae));
    model_.vae = std::move(loaded.autoencoder.vae);
    ASSIGN_OR_RETURN(model_.recipe, MakeRecipe(latent_channels(), options_));
    return std::move(model_);
  }

 private:
  int64_t latent_channels() const {
    return config_.patch_channels / kPatchCells;
  }
  absl::Status CheckSizes() const;
  absl::Status CheckCaptions() const;
  absl::Status LoadTransformer();
  absl::Status LoadText();

  const ModelSources& sources_;
  const CheckpointSource& main_;
  NextDitLayout layout_;
  const ModelOptions& options_;
  NextDitConfig config_;
  Model model_;
};

absl::Status Loader::CheckSizes() const {
  if (config_.width % kHeadDim != 0 ||
      config_.patch_channels % kPatchCells != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(main_.path(), ": the transformer is ", config_.width,
                     " wide and takes ", config_.patch_channels,
                     " channels a patch; expected multiples of ", kHeadDim,
                     " and ", kPatchCells));
  }
  if (config_.key_value_heads < 1 ||
      config_.heads % config_.key_value_heads != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(main_.path(), ": the transformer has ", config_.heads,
                     " heads of queries and ", config_.key_value_heads,
                     " of keys; expected a multiple"));
  }
  return absl::OkStatus();
}

absl::Status Loader::CheckCaptions() const {
  const int64_t length = options_.gemma2_max_token_length;
  if (length >= 1 && length < kMaxCaption) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "gemma2_max_token_length is ", length, "; must be from 1 to ",
      kMaxCaption - 1, ", the caption positions that the model has"));
}

absl::Status Loader::LoadTransformer() {
  const auto transformer = std::make_shared<NextDitImpl>(config_);
  transformer->norm_final->weight.fill_(1);
  ASSIGN_OR_RETURN(const KeyMap keys, KeyMap::Make(DiffusersKeys(config_)));
  StateLoadOptions load;
  load.what = "the transformer of Lumina Image 2";
  load.prefix = layout_.prefix;
  load.keeps_types = sources_.keeps_types;
  if (layout_.is_diffusers) load.keys = &keys;
  load.may_miss = {kUnusedNorm};
  // Other parts of a whole model whose transformer has no prefix.
  load.may_ignore = {"text_encoders.*", "vae.*"};
  ASSIGN_OR_RETURN(const StateLoadResult state,
                   LoadState(main_, load, *transformer));
  ASSIGN_OR_RETURN(model_.source_dtypes, StoredTypes(main_, load, state));
  if (layout_.is_diffusers) {
    // Readers of the original layout expect the norm that Diffusers drops.
    model_.source_dtypes[kUnusedNorm] =
        model_.source_dtypes.at("x_embedder.weight");
  }
  AllowTraining(*transformer);
  transformer->norm_final->weight.requires_grad_(false);
  model_.denoiser = transformer;
  return absl::OkStatus();
}

absl::Status Loader::LoadText() {
  ASSIGN_OR_RETURN(LoadedGemma2 gemma,
                   LoadGemma2(sources_, options_, config_.caption_width));
  Gemma2TextOptions text;
  text.length = options_.gemma2_max_token_length;
  text.system_prompt = options_.system_prompt;
  model_.conditioner = std::make_unique<Gemma2Conditioner>(
      std::move(gemma.tokenizer), std::move(gemma.encoder), text);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options) {
  const TensorIndex& index = sources.main->index();
  const std::optional<NextDitLayout> layout = FindNextDit(index);
  if (!layout.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        sources.main->path(), " is not a Lumina Image 2 model; it seems to be ",
        DescribeCheckpoint(index)));
  }
  return Loader(sources, *layout, options).Load();
}

absl::StatusOr<std::vector<CaptionLength>> CaptionLengths(
    const ModelSources& sources, const ModelOptions& options) {
  ASSIGN_OR_RETURN(
      std::shared_ptr<SentencePieceTokenizer> tokenizer,
      OpenGemma2Tokenizer(sources.Find("gemma2"), options.tokenizer_dir));
  // One place is the begin's.
  return std::vector<CaptionLength>{
      {"gemma2", options.gemma2_max_token_length - 1,
       [tokenizer, prompt = options.system_prompt](const std::string& caption) {
         return static_cast<int64_t>(
             tokenizer->Encode(WithSystemPrompt(prompt, caption)).size());
       }}};
}

}  // namespace atelier::trainer::lumina2
