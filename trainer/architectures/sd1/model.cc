#include "trainer/architectures/sd1/model.h"

#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/known_checkpoints.h"
#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/architectures/sd1/conditioner.h"
#include "trainer/architectures/sd1/keys.h"
#include "trainer/architectures/sd1/recipe.h"
#include "trainer/checkpoint/index_sizes.h"
#include "trainer/checkpoint/mapped_checkpoint.h"
#include "trainer/checkpoint/state_loader.h"
#include "trainer/vae/load_autoencoder.h"

namespace atelier::trainer::sd1 {
namespace {

// Where tokenizer_dir keeps the vocabulary, as unpacked or as published.
constexpr const char* kTokenizerFolders[] = {
    "clip", "stable_diffusion/tokenizer", "tokenizer", "."};

// The text encoder's names inside kTextPrefix; older files lack it.
constexpr char kTextModel[] = "text_model.";

bool HasBareTextNames(const TensorIndex& index) {
  return HasPrefix(index, absl::StrCat(kTextPrefix, "embeddings.")) &&
         !HasPrefix(index, absl::StrCat(kTextPrefix, kTextModel));
}

// Collects what a checkpoint gives to a model.
class Loader {
 public:
  // `source` is in the original layout.
  Loader(const CheckpointSource& source, const ModelOptions& options)
      : source_(source), options_(options) {}

  absl::StatusOr<Model> Load(const CheckpointSource* vae) {
    RETURN_IF_ERROR(LoadUnet());
    RETURN_IF_ERROR(LoadText());
    RETURN_IF_ERROR(LoadVae(vae));
    RETURN_IF_ERROR(KeepTheRest());
    model_.recipe = MakeRecipe(options_.diffusion);
    return std::move(model_);
  }

 private:
  absl::Status LoadUnet();
  absl::Status LoadText();
  absl::Status LoadVae(const CheckpointSource* vae);
  absl::Status KeepTheRest();
  absl::StatusOr<std::unique_ptr<ClipTokenizer>> OpenTokenizer() const;

  const CheckpointSource& source_;
  const ModelOptions& options_;
  Model model_;
  std::set<std::string> held_;  // names that modules hold
};

absl::Status Loader::LoadUnet() {
  const LdmUnetConfig config =
      ReadLdmUnetConfig(source_.index(), kUnetPrefix, UnetFamily());
  const auto unet = std::make_shared<LdmUnet>(config);
  StateLoadOptions load;
  load.what = "the U-Net";
  load.prefix = kUnetPrefix;
  ASSIGN_OR_RETURN(const StateLoadResult state,
                   LoadState(source_, load, *unet));
  held_.insert(state.loaded.begin(), state.loaded.end());
  if (config.in_channels != config.out_channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        source_.path(), ": the U-Net takes ", config.in_channels,
        " channels and returns ", config.out_channels,
        "; models for inpainting or of depth cannot be trained here"));
  }
  for (const int64_t channels : config.channels) {
    if (channels % 32 != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(source_.path(), ": a level of the U-Net has ", channels,
                       " channels, which is no multiple of 32"));
    }
  }
  model_.denoiser = unet;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ClipTokenizer>> Loader::OpenTokenizer() const {
  for (const char* folder : kTokenizerFolders) {
    const std::string path = absl::StrCat(options_.tokenizer_dir, "/", folder);
    std::error_code error;
    if (std::filesystem::exists(path + "/vocab.json", error)) {
      return ClipTokenizer::Open(path);
    }
  }
  return absl::NotFoundError(absl::StrCat(
      "no CLIP tokenizer in tokenizer_dir `", options_.tokenizer_dir,
      "`; expected clip/vocab.json and clip/merges.txt, which deploy/setup.sh "
      "unpacks"));
}

absl::Status Loader::LoadText() {
  const bool is_bare = HasBareTextNames(source_.index());
  const std::string prefix =
      is_bare ? kTextPrefix : absl::StrCat(kTextPrefix, kTextModel);
  const ClipTextConfig config =
      ReadClipTextConfig(source_.index(), prefix, /*quick_gelu=*/true);
  const auto text = std::make_shared<ClipTextModel>(config);
  ASSIGN_OR_RETURN(const KeyMap bare_keys, KeyMap::Make(BareTextKeys()));
  StateLoadOptions load;
  load.what = "the text encoder";
  load.prefix = kTextPrefix;
  if (is_bare) load.keys = &bare_keys;
  load.may_ignore = {"text_model.embeddings.position_ids",
                     "embeddings.position_ids"};
  ASSIGN_OR_RETURN(const StateLoadResult state,
                   LoadState(source_, load, *text));
  held_.insert(state.loaded.begin(), state.loaded.end());
  ASSIGN_OR_RETURN(auto tokenizer, OpenTokenizer());
  if (config.width % 64 != 0 || config.vocabulary <= tokenizer->end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(source_.path(), ": the text encoder is ", config.width,
                     " wide and knows ", config.vocabulary,
                     " tokens; expected a multiple of 64 and at least ",
                     tokenizer->end() + 1));
  }
  if (options_.clip_skip < 1 || options_.clip_skip > config.layers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "clip_skip is ", options_.clip_skip,
        "; must be from 1 to the number of the text encoder's layers, ",
        config.layers));
  }
  model_.conditioner =
      std::make_unique<ClipConditioner>(std::move(tokenizer), text, options_);
  return absl::OkStatus();
}

absl::Status Loader::LoadVae(const CheckpointSource* vae) {
  const CheckpointSource& from = vae != nullptr ? *vae : source_;
  ASSIGN_OR_RETURN(LoadedAutoencoder loaded,
                   LoadAutoencoder(from, kLatentScaling));
  const int64_t channels = loaded.vae->config().latent_channels;
  const auto& unet = static_cast<const LdmUnet&>(*model_.denoiser);
  if (channels != unet.config().in_channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        from.path(), ": the autoencoder has ", channels,
        " latent channels, the U-Net takes ", unet.config().in_channels));
  }
  for (const auto& [name, dtype] : loaded.dtypes) {
    held_.insert(kVaePrefix + name);
    model_.source_dtypes[kVaePrefix + name] = dtype;
  }
  model_.vae = std::move(loaded.vae);
  return absl::OkStatus();
}

absl::Status Loader::KeepTheRest() {
  for (const auto& [name, info] : source_.index()) {
    model_.source_dtypes.emplace(name, info.dtype);
    if (held_.contains(name)) continue;
    ASSIGN_OR_RETURN(const Tensor tensor, source_.Read(name));
    model_.untouched[name] = tensor.clone();
  }
  return absl::OkStatus();
}

// The checkpoint in the original layout. Names of the three trained parts that
// no row knows are an error: they would be lost.
absl::StatusOr<std::unique_ptr<CheckpointSource>> FromDiffusers(
    const CheckpointSource& source) {
  const int64_t vae_levels = CountNumbered(
      source.index(), "vae/encoder.down_blocks.", ".resnets.0.conv1.weight");
  ASSIGN_OR_RETURN(
      const KeyMap keys,
      KeyMap::Make(DiffusersKeys(vae_levels == 0 ? 4 : vae_levels)));
  std::vector<std::string> names;
  for (const auto& [name, info] : source.index()) names.push_back(name);
  ASSIGN_OR_RETURN(const KeyMap::Plan plan,
                   keys.MakePlan(names, KeyMap::Direction::kForward));
  std::vector<std::string> unexpected;
  for (const std::string& name : plan.unmatched) {
    if (absl::StartsWith(name, "unet/") || absl::StartsWith(name, "vae/") ||
        absl::StartsWith(name, "text_encoder/")) {
      unexpected.push_back(name);
    }
  }
  if (!unexpected.empty()) {
    const size_t count = unexpected.size();
    unexpected.resize(std::min<size_t>(count, 20));
    return absl::InvalidArgumentError(
        absl::StrCat(source.path(), ": ", count,
                     " unexpected tensors: ", absl::StrJoin(unexpected, ", ")));
  }
  return MapCheckpoint(source, keys, KeyMap::Direction::kForward);
}

void Append(const std::string& prefix, const torch::nn::Module& module,
            std::map<std::string, Tensor>& tensors) {
  for (const auto& parameter : module.named_parameters()) {
    tensors[prefix + parameter.key()] = parameter.value();
  }
}

}  // namespace

absl::StatusOr<Model> Load(const CheckpointSource& source,
                           const CheckpointSource* vae,
                           const ModelOptions& options) {
  if (!Detect(source.index()).has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.path(), " is not a Stable Diffusion 1.x model; it seems to be ",
        DescribeCheckpoint(source.index())));
  }
  if (!IsDiffusersFolder(source.index())) {
    return Loader(source, options).Load(vae);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointSource> original,
                   FromDiffusers(source));
  return Loader(*original, options).Load(vae);
}

std::vector<NamedTensor> ExportTensors(const Model& model) {
  std::map<std::string, Tensor> tensors = model.untouched;
  Append(kUnetPrefix, *model.denoiser, tensors);
  Append(kVaePrefix, *model.vae, tensors);
  const bool is_bare = model.source_dtypes.contains(
      absl::StrCat(kTextPrefix, "embeddings.token_embedding.weight"));
  const auto text = model.conditioner->TextEncoders().front().module;
  for (const auto& parameter : text->named_parameters()) {
    const std::string& name = parameter.key();
    const std::string kept =
        is_bare ? name.substr(sizeof(kTextModel) - 1) : name;
    tensors[kTextPrefix + kept] = parameter.value();
  }
  std::vector<NamedTensor> result;
  for (auto& [name, tensor] : tensors) {
    result.push_back({name, tensor});
  }
  return result;
}

}  // namespace atelier::trainer::sd1
