#include "trainer/architectures/lumina2/recipe.h"

#include "proto/cc/status_macros.h"
#include "trainer/architectures/rectified_flow/flow_recipe.h"

namespace atelier::trainer::lumina2 {

FlowFamily Lumina2Family(int64_t latent_channels) {
  FlowFamily family;
  family.target = FlowTarget::kLatentsMinusNoise;
  family.huber_counts_down = true;
  family.latent_channels = latent_channels;
  // As the published pipeline draws.
  family.preview.spacing = FlowSpacing::kTrainingEnds;
  family.preview.shift = 6;
  family.preview.cfg_trunc_ratio = 0.25;
  family.preview.renorm_cfg = 1;
  return family;
}

absl::StatusOr<std::unique_ptr<Recipe>> MakeRecipe(
    int64_t latent_channels, const ModelOptions& options) {
  ASSIGN_OR_RETURN(std::unique_ptr<Recipe> recipe,
                   FlowRecipe::Make(Lumina2Family(latent_channels),
                                    options.diffusion, options.flow));
  return recipe;
}

}  // namespace atelier::trainer::lumina2
