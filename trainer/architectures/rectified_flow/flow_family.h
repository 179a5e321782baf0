// What differs between the objectives of rectified-flow models. Sigma in 0..1
// is the share of noise: the denoiser sees (1 - sigma) * latents + sigma *
// noise.
#pragma once

#include <cstdint>
#include <optional>

#include "trainer/diffusion/options.h"

namespace atelier::trainer {

// What the prediction is compared with.
enum class FlowTarget {
  kNoiseMinusLatents,  // FLUX.1
  kLatentsMinusNoise,  // Lumina Image 2, whose time runs from noise to picture
  kLatents,            // Stable Diffusion 3
};

// Where the steps of a preview stand before the shift of their noise levels.
enum class FlowSpacing {
  kTrainingEnds,  // evenly between the shifted ends of the training schedule
  kFromOne,       // 1, (n - 1) / n, …, 1 / n
};

// How a preview is drawn by default.
struct FlowPreview {
  FlowSpacing spacing = FlowSpacing::kTrainingEnds;
  double shift = 1;  // s sigma / (1 + (s - 1) sigma)
  // Shift by the length of the sequence instead, as TimeShift(FluxMu(tokens)).
  bool shifts_by_resolution = false;
  // The family takes a constant shift from a prompt.
  bool takes_flow_shift = true;
  // Embedded guidance; read where the conditioning has one.
  double guidance_scale = 3.5;
  // Classifier-free guidance stops once 1 - sigma reaches this; none: never.
  std::optional<double> cfg_trunc_ratio;
  // The guided output is shortened to this many times the length of the
  // unguided one; none or 0: left as it is.
  std::optional<double> renorm_cfg;
  // Sides of a picture are multiples of this.
  int side_step_px = 16;
};

struct FlowFamily {
  FlowTarget target = FlowTarget::kNoiseMinusLatents;
  // How the output becomes the prediction, where the family fixes it; none: as
  // FlowOptions::prediction says.
  std::optional<FlowPrediction> prediction;
  bool takes_ip_noise_gamma = true;
  // The threshold of huber and smooth_l1 follows 1,000 - timestep.
  bool huber_counts_down = false;
  int64_t latent_channels = 16;
  FlowPreview preview;
};

}  // namespace atelier::trainer
