#include "trainer/architectures/sd3/recipe.h"

#include "trainer/architectures/rectified_flow/flow_recipe.h"

namespace atelier::trainer::sd3 {
namespace {

// The shift that the models were published with for drawing pictures.
constexpr double kPreviewShift = 3;

}  // namespace

absl::StatusOr<std::unique_ptr<Recipe>> MakeRecipe(const ModelOptions& options,
                                                   int64_t latent_channels) {
  FlowFamily family;
  family.target = FlowTarget::kLatents;
  family.prediction = FlowPrediction::kSigmaScaled;
  family.takes_ip_noise_gamma = false;
  family.latent_channels = latent_channels;
  family.preview.spacing = FlowSpacing::kTrainingEnds;
  family.preview.shift = kPreviewShift;
  family.preview.side_step_px = 8;
  FlowOptions flow = options.flow;
  flow.timesteps.sampling = FlowSampling::kDensity;
  return FlowRecipe::Make(family, options.diffusion, flow);
}

}  // namespace atelier::trainer::sd3
