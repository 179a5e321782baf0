// Loads the autoencoder of a model: its own file's, or the main checkpoint's.
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "trainer/architectures/components/find_component.h"
#include "trainer/vae/load_autoencoder.h"

namespace atelier::trainer {

struct VaeLoadOptions {
  std::string option = "ae";  // or `vae`
  LatentScaling scaling;
  int64_t latent_channels = 16;  // that the denoiser works on
};

struct LoadedVae {
  LoadedAutoencoder autoencoder;
  const CheckpointSource* source = nullptr;
};

// Errors: NOT_FOUND when the option is not given and the main checkpoint has
// none; INVALID_ARGUMENT for a file that holds something else, saying what, for
// names and shapes that do not fit and for another number of latent channels;
// DATA_LOSS for weights that are not finite.
absl::StatusOr<LoadedVae> LoadVae(const ModelSources& sources,
                                  const VaeLoadOptions& options);

}  // namespace atelier::trainer
