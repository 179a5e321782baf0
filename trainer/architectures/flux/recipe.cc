#include "trainer/architectures/flux/recipe.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/rectified_flow/flow_recipe.h"

namespace atelier::trainer::flux {

FlowFamily FluxFamily(bool has_guidance, int64_t latent_channels) {
  FlowFamily family;
  family.target = FlowTarget::kNoiseMinusLatents;
  family.latent_channels = latent_channels;
  family.preview.spacing = FlowSpacing::kFromOne;
  family.preview.shifts_by_resolution = has_guidance;
  return family;
}

absl::StatusOr<std::unique_ptr<Recipe>> MakeRecipe(
    bool has_guidance, int64_t latent_channels, const ModelOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Recipe> recipe,
                   FlowRecipe::Make(FluxFamily(has_guidance, latent_channels),
                                    options.diffusion, options.flow));
  return recipe;
}

}  // namespace atelier::trainer::flux
