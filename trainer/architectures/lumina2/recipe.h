// The objective of Lumina Image 2: a rectified flow whose target is latents -
// noise.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/rectified_flow/flow_family.h"

namespace atelier::trainer::lumina2 {

// Previews: noise levels shifted by 6, guidance for the noisier quarter of the
// time alone, its result no longer than the prompt's own.
FlowFamily Lumina2Family(int64_t latent_channels);

// Errors: as FlowRecipe::Make.
absl::StatusOr<std::unique_ptr<Recipe>> MakeRecipe(int64_t latent_channels,
                                                   const ModelOptions& options);

}  // namespace atelier::trainer::lumina2
