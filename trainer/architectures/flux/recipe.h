// The objective of FLUX.1: a rectified flow whose target is noise - latents.
#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/rectified_flow/flow_family.h"

namespace atelier::trainer::flux {

// Previews of schnell (without guidance) take evenly spaced noise levels; those
// of dev are shifted by the length of the image sequence.
FlowFamily FluxFamily(bool has_guidance, int64_t latent_channels);

// Errors: as FlowRecipe::Make.
absl::StatusOr<std::unique_ptr<Recipe>> MakeRecipe(bool has_guidance,
                                                   int64_t latent_channels,
                                                   const ModelOptions& options);

}  // namespace atelier::trainer::flux
