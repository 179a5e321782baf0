#include "trainer/vae/load_autoencoder.h"

#include <optional>

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/index_sizes.h"
#include "trainer/checkpoint/key_rule.h"
#include "trainer/checkpoint/mapped_checkpoint.h"
#include "trainer/checkpoint/state_loader.h"
#include "trainer/vae/keys.h"

namespace atelier::trainer {
namespace {

// What a checkpoint of the autoencoder alone may hold besides its weights:
// training losses and averages.
const std::vector<std::string>& IgnoredAutoencoderKeys() {
  static const auto* const kIgnored =
      new std::vector<std::string>{"loss.*", "model_ema.*"};
  return *kIgnored;
}

absl::StatusOr<LoadedAutoencoder> LoadOriginal(const CheckpointSource& source,
                                               const std::string& prefix,
                                               LatentScaling scaling) {
  LoadedAutoencoder result;
  result.vae = std::make_shared<AutoencoderKl>(
      ReadAutoencoderConfig(source.index(), prefix, scaling));
  StateLoadOptions options;
  options.what = "the autoencoder";
  options.prefix = prefix;
  options.may_ignore = IgnoredAutoencoderKeys();
  ASSIGN_OR_RETURN(StateLoadResult state,
                   LoadState(source, options, *result.vae));
  for (const std::string& name : state.loaded) {
    result.dtypes[name.substr(prefix.size())] = source.index().at(name).dtype;
  }
  result.loaded = std::move(state.loaded);
  return result;
}

absl::StatusOr<LoadedAutoencoder> LoadDiffusers(const CheckpointSource& source,
                                                const std::string& prefix,
                                                LatentScaling scaling) {
  const int64_t levels =
      CountNumbered(source.index(), prefix + "encoder.down_blocks.",
                    ".resnets.0.conv1.weight");
  ASSIGN_OR_RETURN(const KeyMap keys,
                   KeyMap::Make(AutoencoderDiffusersKeys(levels, prefix, "")));
  ASSIGN_OR_RETURN(const std::unique_ptr<CheckpointSource> original,
                   MapCheckpoint(source, keys, KeyMap::Direction::kForward));
  return LoadOriginal(*original, "", scaling);
}

}  // namespace

absl::StatusOr<LoadedAutoencoder> LoadAutoencoder(
    const CheckpointSource& source, LatentScaling scaling) {
  const TensorIndex& index = source.index();
  for (const char* prefix : {"vae/", ""}) {
    if (HasPrefix(index, absl::StrCat(prefix, "encoder.down_blocks."))) {
      return LoadDiffusers(source, prefix, scaling);
    }
  }
  for (const char* prefix : {"first_stage_model.", "vae.", ""}) {
    if (HasPrefix(index, absl::StrCat(prefix, "encoder.down.")) ||
        HasPrefix(index, absl::StrCat(prefix, "decoder.up."))) {
      return LoadOriginal(source, prefix, scaling);
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      source.path(),
      " holds no autoencoder; expected tensors like "
      "`first_stage_model.encoder.conv_in.weight` or "
      "`encoder.conv_in.weight`, found ",
      index.empty() ? std::string("none")
                    : absl::StrCat(index.size(), " others, the first is `",
                                   index.begin()->first, "`")));
}

}  // namespace atelier::trainer
