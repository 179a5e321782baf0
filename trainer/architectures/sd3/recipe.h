// The objective of Stable Diffusion 3.
#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"

namespace atelier::trainer::sd3 {

// Rectified flow whose prediction, noisy - sigma * output, is compared with the
// clean latents; whole timesteps, drawn by weighting_scheme and shifted by
// training_shift (sd-scripts-spec 5.6).
//
// Errors: as FlowRecipe::Make.
absl::StatusOr<std::unique_ptr<Recipe>> MakeRecipe(const ModelOptions& options,
                                                   int64_t latent_channels);

}  // namespace atelier::trainer::sd3
