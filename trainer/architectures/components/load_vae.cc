#include "trainer/architectures/components/load_vae.h"

#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {

absl::StatusOr<LoadedVae> LoadVae(const ModelSources& sources,
                                  const VaeLoadOptions& options) {
  ComponentPlace place;
  place.what = "the autoencoder";
  place.option = options.option;
  place.prefixes = {"vae/", "first_stage_model.", "vae."};
  place.signs = {"encoder.conv_in.weight", "decoder.conv_in.weight"};
  ASSIGN_OR_RETURN(const FoundComponent found, FindComponent(sources, place));
  LoadedVae result;
  result.source = found.source;
  ASSIGN_OR_RETURN(result.autoencoder,
                   LoadAutoencoder(*found.source, options.scaling));
  const int64_t channels = result.autoencoder.vae->config().latent_channels;
  if (channels != options.latent_channels) {
    return absl::InvalidArgumentError(absl::StrCat(
        found.source->path(), ": the autoencoder has ", channels,
        " latent channels, the denoiser takes ", options.latent_channels,
        "; give another as ", options.option));
  }
  return result;
}

}  // namespace atelier::trainer
