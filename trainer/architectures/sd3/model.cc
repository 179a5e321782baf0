#include "trainer/architectures/sd3/model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/components/caption_lengths.h"
#include "trainer/architectures/components/load_vae.h"
#include "trainer/architectures/known_checkpoints.h"
#include "trainer/architectures/sd3/conditioner.h"
#include "trainer/architectures/sd3/keys.h"
#include "trainer/architectures/sd3/load_text.h"
#include "trainer/architectures/sd3/recipe.h"
#include "trainer/architectures/sd3/transformer.h"
#include "trainer/checkpoint/index_sizes.h"
#include "trainer/checkpoint/mapped_checkpoint.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer::sd3 {
namespace {

constexpr size_t kNamesShown = 20;

// Where each embedded component stands, by its option.
const std::map<std::string, std::string>& EmbeddedPrefixes() {
  static const auto* const kPrefixes =
      new std::map<std::string, std::string>{{"vae", kVaePrefix},
                                             {"clip_l", kClipLPrefix},
                                             {"clip_g", kClipGPrefix},
                                             {"t5xxl", kT5Prefix}};
  return *kPrefixes;
}

// The transformer's tensors in the original layout. Names of it that no row
// knows are an error: they would be lost.
absl::StatusOr<std::unique_ptr<CheckpointSource>> FromDiffusers(
    const CheckpointSource& source, const std::string& prefix) {
  int64_t depth = 0;
  while (HasPrefix(source.index(),
                   absl::StrCat(prefix, "transformer_blocks.", depth, "."))) {
    ++depth;
  }
  ASSIGN_OR_RETURN(const KeyMap keys,
                   KeyMap::Make(DiffusersKeys(depth, prefix, kMmditPrefix)));
  std::vector<std::string> names;
  for (const auto& [name, info] : source.index()) {
    if (name.starts_with(prefix)) names.push_back(name);
  }
  ASSIGN_OR_RETURN(KeyMap::Plan plan,
                   keys.MakePlan(names, KeyMap::Direction::kForward));
  if (!plan.unmatched.empty()) {
    const size_t count = plan.unmatched.size();
    plan.unmatched.resize(std::min(count, kNamesShown));
    return absl::InvalidArgumentError(absl::StrCat(
        source.path(), ": ", count, " unexpected tensors of the transformer: ",
        absl::StrJoin(plan.unmatched, ", ")));
  }
  return MapCheckpoint(source, keys, KeyMap::Direction::kForward);
}

// Collects what the sources give to a model.
class Loader {
 public:
  Loader(const ModelSources& sources, const ModelOptions& options)
      : sources_(sources), main_(*sources.main), options_(options) {}

  absl::StatusOr<Model> Load(const MmditPlace& place) {
    is_diffusers_ = place.is_diffusers;
    RETURN_IF_ERROR(LoadTransformer(place));
    RETURN_IF_ERROR(LoadAutoencoder());
    RETURN_IF_ERROR(LoadText());
    if (!is_diffusers_) RETURN_IF_ERROR(KeepTheRest());
    ASSIGN_OR_RETURN(model_.recipe, MakeRecipe(options_, config_.channels));
    model_.modelspec_architecture = config_.modelspec();
    return std::move(model_);
  }

 private:
  absl::Status LoadTransformer(const MmditPlace& place);
  absl::Status CheckTransformer() const;
  absl::Status ApplyOptions(MmditImpl& mmdit) const;
  absl::Status LoadAutoencoder();
  absl::Status LoadText();
  absl::Status KeepTheRest();
  void Hold(const CheckpointSource* source,
            const std::vector<std::string>& names) {
    if (source == &main_) held_.insert(names.begin(), names.end());
  }

  const ModelSources& sources_;
  const CheckpointSource& main_;
  const ModelOptions& options_;
  bool is_diffusers_ = false;
  MmditConfig config_;
  Model model_;
  std::set<std::string> held_;  // names of the main file that modules hold
};

absl::Status Loader::LoadTransformer(const MmditPlace& place) {
  std::unique_ptr<CheckpointSource> mapped;
  StateLoadOptions load;
  load.what = "the transformer";
  load.prefix = place.prefix;
  load.keeps_types = sources_.keeps_types;
  if (is_diffusers_) {
    ASSIGN_OR_RETURN(mapped, FromDiffusers(main_, place.prefix));
    load.prefix = kMmditPrefix;
  }
  const CheckpointSource& source = is_diffusers_ ? *mapped : main_;
  config_ = ReadMmditConfig(source.index(), load.prefix);
  RETURN_IF_ERROR(CheckTransformer());
  const auto mmdit = std::make_shared<MmditImpl>(config_);
  ASSIGN_OR_RETURN(const StateLoadResult state,
                   LoadState(source, load, *mmdit));
  for (const std::string& name : state.loaded) {
    model_.source_dtypes[kMmditPrefix + name.substr(load.prefix.size())] =
        source.index().at(name).dtype;
  }
  Hold(&source, state.loaded);
  AllowTraining(*mmdit);
  RETURN_IF_ERROR(ApplyOptions(*mmdit));
  model_.denoiser = mmdit;
  return absl::OkStatus();
}

absl::Status Loader::CheckTransformer() const {
  if (config_.depth > 0 && config_.channels > 0 && config_.patch > 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(main_.path(), ": the transformer has ", config_.depth,
                   " blocks, ", config_.channels, " channels and patches of ",
                   config_.patch, "; each must be at least 1"));
}

absl::Status Loader::ApplyOptions(MmditImpl& mmdit) const {
  const int64_t frozen = options_.num_last_block_to_freeze;
  if (frozen > config_.depth) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_last_block_to_freeze is ", frozen,
                     "; the transformer has ", config_.depth, " blocks"));
  }
  for (int64_t i = config_.depth - frozen; i < config_.depth; ++i) {
    for (Tensor& parameter :
         mmdit.joint_blocks[static_cast<size_t>(i)]->parameters()) {
      parameter.requires_grad_(false);
    }
  }
  if (!options_.enable_scaled_pos_embed) return absl::OkStatus();
  for (const int64_t side : options_.latent_sides) {
    if (side >= config_.patch) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("enable_scaled_pos_embed cannot follow a resolution of ",
                     side, " latent cells; must be at least ", config_.patch));
  }
  mmdit.SetScaledPositions(options_.latent_sides);
  return absl::OkStatus();
}

absl::Status Loader::LoadAutoencoder() {
  VaeLoadOptions load;
  load.option = "vae";
  load.scaling = kLatentScaling;
  load.latent_channels = config_.channels;
  ASSIGN_OR_RETURN(LoadedVae loaded, LoadVae(sources_, load));
  for (const auto& [name, dtype] : loaded.autoencoder.dtypes) {
    model_.source_dtypes[kVaePrefix + name] = dtype;
  }
  Hold(loaded.source, loaded.autoencoder.loaded);
  model_.vae = std::move(loaded.autoencoder.vae);
  return absl::OkStatus();
}

absl::Status Loader::LoadText() {
  ASSIGN_OR_RETURN(LoadedText text,
                   LoadTextEncoders(sources_, options_, config_));
  model_.source_dtypes.merge(text.dtypes);
  held_.merge(text.held);
  if (!text.warning.empty()) model_.warnings.push_back(text.warning);
  model_.conditioner = std::make_unique<Sd3Conditioner>(
      std::move(text.encoders), std::move(text.tokenizers), options_,
      config_.context_width);
  return absl::OkStatus();
}

// What no module holds, except the parts that components take the place of.
absl::Status Loader::KeepTheRest() {
  std::vector<std::string> replaced;
  for (const auto& [option, prefix] : EmbeddedPrefixes()) {
    if (sources_.Find(option) != nullptr) replaced.push_back(prefix);
  }
  for (const auto& [name, info] : main_.index()) {
    const bool is_replaced = std::any_of(
        replaced.begin(), replaced.end(),
        [&](const std::string& prefix) { return name.starts_with(prefix); });
    if (is_replaced || held_.contains(name)) continue;
    ASSIGN_OR_RETURN(const Tensor tensor, main_.Read(name));
    model_.untouched[name] = tensor.clone();
    model_.source_dtypes[name] = info.dtype;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Model> Load(const ModelSources& sources,
                           const ModelOptions& options) {
  const TensorIndex& index = sources.main->index();
  const std::optional<MmditPlace> place = FindMmdit(index);
  if (!place.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat(sources.main->path(),
                     " is not a Stable Diffusion 3 model; it seems to be ",
                     DescribeCheckpoint(index)));
  }
  if (options.enable_scaled_pos_embed && options.latent_sides.empty()) {
    return absl::InvalidArgumentError(
        "enable_scaled_pos_embed needs the resolutions of a dataset");
  }
  return Loader(sources, options).Load(*place);
}

absl::StatusOr<std::vector<CaptionLength>> CaptionLengths(
    const ModelSources& sources, const ModelOptions& options) {
  ASSIGN_OR_RETURN(CaptionLength clip,
                   ClipCaptionLength(options, kClipRowTokens));
  ASSIGN_OR_RETURN(CaptionLength t5,
                   T5CaptionLength(sources, options, kTokensOfT5));
  return std::vector<CaptionLength>{std::move(clip), std::move(t5)};
}

}  // namespace atelier::trainer::sd3
