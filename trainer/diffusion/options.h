// What the objective of a training run can be told. Filled from the options of
// the job; each field has the name and the default of its option.
#pragma once

#include <cstdint>

#include "trainer/diffusion/flow_timesteps.h"

namespace atelier::trainer {

// What the denoiser predicts.
enum class PredictionType { kEpsilon, kVelocity };

// How each element's difference d becomes a loss.
enum class LossType { kL2, kL1, kHuber, kSmoothL1 };

// How the threshold c of huber and smooth_l1 follows the timestep.
enum class HuberSchedule { kConstant, kExponential, kSnr };

struct DiffusionOptions {
  PredictionType prediction_type = PredictionType::kEpsilon;
  // Rescale the noise schedule so that its last timestep is pure noise.
  bool zero_terminal_snr = false;
  // Timesteps are drawn in [min_timestep, max_timestep); with min >= max all
  // are the largest timestep allowed.
  int64_t min_timestep = 0;
  int64_t max_timestep = 1000;

  // Changes of the noise; 0 switches each off.
  double noise_offset = 0;
  bool noise_offset_random_strength = false;
  double adaptive_noise_scale = 0;  // has effect with noise_offset only
  int64_t multires_noise_iterations = 0;
  double multires_noise_discount = 0.3;
  double ip_noise_gamma = 0;
  bool ip_noise_gamma_random_strength = false;

  LossType loss_type = LossType::kL2;
  HuberSchedule huber_schedule = HuberSchedule::kSnr;
  double huber_c = 0.1;
  double huber_scale = 1.0;

  // Weights by timestep; 0 or false switches each off.
  double min_snr_gamma = 0;
  bool scale_v_pred_loss_like_noise_pred = false;
  double v_pred_like_loss = 0;
  bool debiased_estimation_loss = false;
};

// How the output of a rectified-flow model is compared with its target.
enum class FlowPrediction {
  kRaw,          // as it is
  kAdditive,     // output + noisy latents
  kSigmaScaled,  // noisy latents - sigma * output
};

// What the objective of a rectified-flow model can be told beside the above.
struct FlowOptions {
  FlowTimestepOptions timesteps;
  FlowWeighting weighting = FlowWeighting::kNone;
  FlowPrediction prediction = FlowPrediction::kRaw;
};

}  // namespace atelier::trainer
