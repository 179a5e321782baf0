#include "trainer/architectures/ldm_unet/load_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/load_open_clip.h"
#include "trainer/architectures/components/load_vae.h"
#include "trainer/architectures/components/stored_types.h"
#include "trainer/architectures/known_checkpoints.h"
#include "trainer/architectures/ldm_unet/ddpm_recipe.h"
#include "trainer/architectures/ldm_unet/diffusers_configs.h"
#include "trainer/architectures/ldm_unet/unet.h"
#include "trainer/checkpoint/mapped_checkpoint.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer {
namespace {

constexpr int64_t kNormGroups = 32;
constexpr size_t kMostNamesListed = 20;

// Module names of the autoencoder.
constexpr const char* kVaeParts[] = {"encoder.", "decoder.", "quant_conv.",
                                     "post_quant_conv."};

absl::Status CheckUnetSizes(const LdmUnetConfig& config,
                            const std::string& path) {
  if (config.in_channels != config.out_channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": the U-Net takes ", config.in_channels,
        " channels and returns ", config.out_channels,
        "; models for inpainting or of depth cannot be trained here"));
  }
  for (size_t level = 0; level < config.channels.size(); ++level) {
    const int64_t channels = config.channels[level];
    if (channels % kNormGroups != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": a level of the U-Net has ", channels,
                       " channels, which is no multiple of ", kNormGroups));
    }
    const int64_t divisor =
        config.heads > 0 ? config.heads : config.head_channels;
    if (config.depths[level] > 0 && channels % divisor != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": a level of the U-Net with transformers has ", channels,
          " channels, which is no multiple of ", divisor));
    }
  }
  return absl::OkStatus();
}

// Collects what a checkpoint gives to a model.
class LdmLoader {
 public:
  // `original` is `sources.main` in the names of a single file.
  LdmLoader(const ModelSources& sources, const CheckpointSource& original,
            const LdmFamily& family)
      : sources_(sources), source_(original), family_(family) {}

  absl::StatusOr<LoadedLdm> Load(const ModelOptions& options) {
    RETURN_IF_ERROR(LoadUnet());
    ASSIGN_OR_RETURN(loaded_.tokenizer,
                     OpenClipTokenizer(options.tokenizer_dir));
    ASSIGN_OR_RETURN(loaded_.tokenizer_files,
                     ReadClipTokenizerFiles(options.tokenizer_dir));
    for (const LdmTextPlace& place : family_.text) {
      RETURN_IF_ERROR(LoadText(place));
    }
    RETURN_IF_ERROR(LoadAutoencoderOf());
    RETURN_IF_ERROR(KeepTheRest());
    loaded_.model.recipe = std::make_unique<DdpmRecipe>(
        options.diffusion, loaded_.model.vae->config().latent_channels);
    return std::move(loaded_);
  }

 private:
  absl::Status LoadUnet();
  absl::Status LoadText(const LdmTextPlace& place);
  absl::Status AddUnusedLayers(const LdmTextPlace& place, int64_t layers);
  absl::Status LoadAutoencoderOf();
  absl::Status KeepTheRest();
  void AddUntouched(const std::string& name, const Tensor& tensor) {
    loaded_.model.source_dtypes[name] = tensor.scalar_type();
    loaded_.model.untouched[name] = tensor;
  }

  const ModelSources& sources_;
  const CheckpointSource& source_;
  const LdmFamily& family_;
  LoadedLdm loaded_;
  std::set<std::string> held_;  // names that modules hold
};

absl::Status LdmLoader::LoadUnet() {
  const LdmUnetConfig config =
      ReadLdmUnetConfig(source_.index(), kLdmUnetPrefix, family_.unet);
  RETURN_IF_ERROR(CheckUnetSizes(config, source_.path()));
  const auto unet = std::make_shared<LdmUnet>(config);
  StateLoadOptions load;
  load.what = "the U-Net";
  load.prefix = kLdmUnetPrefix;
  load.keeps_types = sources_.keeps_types;
  ASSIGN_OR_RETURN(const StateLoadResult state,
                   LoadState(source_, load, *unet));
  held_.insert(state.loaded.begin(), state.loaded.end());
  AllowTraining(*unet);
  loaded_.model.denoiser = unet;
  return absl::OkStatus();
}

absl::Status LdmLoader::LoadText(const LdmTextPlace& place) {
  const bool is_folder = IsDiffusersFolder(sources_.main->index());
  LoadedClip clip;
  if (place.is_open_clip) {
    OpenClipLoadOptions load;
    load.what = place.what;
    load.prefix = place.prefix;
    load.wants_projection = place.has_projection;
    load.keeps_types = sources_.keeps_types;
    load.unused_layers = is_folder ? 0 : place.unused_layers;
    ASSIGN_OR_RETURN(clip, LoadOpenClip(source_, load));
  } else {
    ClipLoadOptions load;
    load.place = ClipPlace(place.what, "", {place.prefix});
    load.quick_gelu = place.quick_gelu;
    load.wants_projection = place.has_projection;
    ModelSources only_main;
    only_main.main = &source_;
    only_main.keeps_types = sources_.keeps_types;
    ASSIGN_OR_RETURN(clip, LoadClip(only_main, load));
  }
  RETURN_IF_ERROR(CheckVocabulary(clip, *loaded_.tokenizer));
  if (is_folder) {
    RETURN_IF_ERROR(AddUnusedLayers(place, clip.encoder->config().layers));
  }
  held_.insert(clip.loaded.begin(), clip.loaded.end());
  AllowTraining(*clip.encoder);
  loaded_.text.push_back(std::move(clip.encoder));
  return absl::OkStatus();
}

absl::Status LdmLoader::AddUnusedLayers(const LdmTextPlace& place,
                                        int64_t layers) {
  const std::string blocks = place.prefix + "transformer.resblocks.";
  const std::string last = absl::StrCat(blocks, layers - 1, ".");
  for (int64_t i = 0; i < place.unused_layers; ++i) {
    for (auto entry = source_.index().lower_bound(last);
         entry != source_.index().end() && entry->first.starts_with(last);
         ++entry) {
      ASSIGN_OR_RETURN(const Tensor tensor, source_.Read(entry->first));
      AddUntouched(absl::StrCat(blocks, layers + i, ".",
                                entry->first.substr(last.size())),
                   tensor.clone());
    }
  }
  return absl::OkStatus();
}

absl::Status LdmLoader::LoadAutoencoderOf() {
  VaeLoadOptions load;
  load.option = "vae";
  load.scaling = family_.scaling;
  load.latent_channels =
      static_cast<const LdmUnet&>(*loaded_.model.denoiser).config().in_channels;
  ASSIGN_OR_RETURN(LoadedVae vae, LoadVae(sources_, load));
  for (const auto& [name, dtype] : vae.autoencoder.dtypes) {
    loaded_.model.source_dtypes[kLdmVaePrefix + name] = KeptType(dtype);
  }
  // One that another file replaces is not kept beside it, whatever its names.
  for (const auto& [name, info] : source_.index()) {
    for (const char* part : kVaeParts) {
      if (name.starts_with(absl::StrCat(kLdmVaePrefix, part))) {
        held_.insert(name);
      }
    }
  }
  loaded_.model.vae = std::move(vae.autoencoder.vae);
  return absl::OkStatus();
}

absl::Status LdmLoader::KeepTheRest() {
  for (const auto& [name, info] : source_.index()) {
    if (held_.contains(name)) {
      loaded_.model.source_dtypes.emplace(name, KeptType(info.dtype));
      continue;
    }
    ASSIGN_OR_RETURN(const Tensor tensor, source_.Read(name));
    AddUntouched(name, tensor.clone());
  }
  return absl::OkStatus();
}

// Constants of older folders, for which OpenCLIP has no name.
bool IsConstant(const std::string& name) {
  return absl::EndsWith(name, "embeddings.position_ids");
}

// The checkpoint in the names of a single file. Names of the parts of the model
// that no row knows are an error: they would be lost.
absl::StatusOr<std::unique_ptr<CheckpointSource>> FromDiffusers(
    const CheckpointSource& source, const LdmFamily& family) {
  ASSIGN_OR_RETURN(const KeyMap keys,
                   KeyMap::Make(LdmDiffusersKeys(family, source.index())));
  std::vector<std::string> names;
  for (const auto& [name, info] : source.index()) names.push_back(name);
  ASSIGN_OR_RETURN(const KeyMap::Plan plan,
                   keys.MakePlan(names, KeyMap::Direction::kForward));
  std::vector<std::string> parts = {"unet/", "vae/"};
  for (const LdmTextPlace& place : family.text) {
    parts.push_back(place.folder + "/");
  }
  std::vector<std::string> unexpected;
  for (const std::string& name : plan.unmatched) {
    const bool is_ours = std::any_of(
        parts.begin(), parts.end(),
        [&](const std::string& part) { return absl::StartsWith(name, part); });
    if (is_ours && !IsConstant(name)) unexpected.push_back(name);
  }
  if (!unexpected.empty()) {
    const size_t count = unexpected.size();
    unexpected.resize(std::min(count, kMostNamesListed));
    return absl::InvalidArgumentError(
        absl::StrCat(source.path(), ": ", count,
                     " unexpected tensors: ", absl::StrJoin(unexpected, ", ")));
  }
  return MapCheckpoint(source, keys, KeyMap::Direction::kForward);
}

}  // namespace

absl::StatusOr<LoadedLdm> LoadLdm(const ModelSources& sources,
                                  const ModelOptions& options,
                                  const LdmFamily& family) {
  const CheckpointSource& source = *sources.main;
  if (!family.detect(source.index()).has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        source.path(), " is not a ", family.name, " model; it seems to be ",
        DescribeCheckpoint(source.index())));
  }
  if (!IsDiffusersFolder(source.index())) {
    return LdmLoader(sources, source, family).Load(options);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointSource> original,
                   FromDiffusers(source, family));
  ASSIGN_OR_RETURN(LoadedLdm loaded,
                   LdmLoader(sources, *original, family).Load(options));
  const auto said = ReadPredictionType(source.path());
  if (said.has_value() && *said != options.diffusion.prediction_type) {
    loaded.model.warnings.push_back(absl::StrCat(
        source.path(), " predicts ",
        *said == PredictionType::kVelocity
            ? "velocity, as its scheduler says; v_parameterization is not set"
            : "noise, as its scheduler says; v_parameterization is set"));
  }
  return loaded;
}

}  // namespace atelier::trainer
