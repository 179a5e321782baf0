// Reads an autoencoder from a checkpoint, whether it stands alone or in a whole
// model.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/tensor/torch.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer {

struct LoadedAutoencoder {
  std::shared_ptr<AutoencoderKl> vae;
  // The type on disk of every tensor, by its original name without prefix.
  std::map<std::string, torch::ScalarType> dtypes;
  // Names in the source that were read.
  std::vector<std::string> loaded;
};

// Looks for the original layout under `first_stage_model.`, `vae.` or no
// prefix, and for the Diffusers layout under `vae/` or no prefix. What else the
// checkpoint holds is left alone.
//
// Errors: INVALID_ARGUMENT when there is no autoencoder or it does not fit,
// with the names; DATA_LOSS for weights that are not finite.
absl::StatusOr<LoadedAutoencoder> LoadAutoencoder(
    const CheckpointSource& source, LatentScaling scaling);

}  // namespace atelier::trainer
