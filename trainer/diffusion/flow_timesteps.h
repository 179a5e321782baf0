// Timesteps and noise levels of rectified-flow models, as functions of their
// random draws. sigma in 0..1 is the share of noise, timestep = 1,000 sigma.
//
// Shapes: draws, timesteps and sigmas [B] fp32.
#pragma once

#include <vector>

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// How sigma is drawn.
enum class FlowSampling {
  kDensity,  // by the density below, then shifted; whole timesteps
  kSigma,    // by the density below, an entry of the shifted table
  kUniform,
  kSigmoid,       // sigmoid(scale * normal)
  kShift,         // the same, shifted by a constant
  kNextditShift,  // uniform, shifted by the length of the sequence
  kFluxShift,     // sigmoid, shifted by the length of the sequence
};

// The density of u for kDensity and kSigma.
enum class FlowDensity { kUniform, kLogitNormal, kMode };

// The weight of a sample's loss.
enum class FlowWeighting { kNone, kSigmaSqrt, kCosmap };

struct FlowTimestepOptions {
  FlowSampling sampling = FlowSampling::kUniform;
  FlowDensity density = FlowDensity::kUniform;
  double logit_mean = 0;
  double logit_std = 1;
  double mode_scale = 1.29;
  double sigmoid_scale = 1;
  double shift = 1;          // kDensity, kSigma, kShift
  int64_t min_timestep = 0;  // kDensity
  int64_t max_timestep = 1000;
};

struct FlowTimesteps {
  Tensor timesteps;
  Tensor sigmas;
};

// Whether the draws must be standard normal; otherwise uniform in [0, 1).
bool DrawsNormal(const FlowTimestepOptions& options);

// `tokens` is the length of the image sequence, (h / 2) * (w / 2) for latents
// [B, C, h, w]; read by the shifts that follow it.
//
// Source: Esser et al., "Scaling Rectified Flow Transformers", 2024 (densities,
// shift); the FLUX.1 reference (flux_shift); Lumina-Image 2.0 (nextdit_shift).
FlowTimesteps FlowTimestepsFrom(const FlowTimestepOptions& options,
                                const Tensor& draws, int64_t tokens);

// s t / (1 + (s - 1) t), elementwise.
Tensor ShiftedSigma(const Tensor& sigma, double shift);

// e^mu / (e^mu + 1 / t - 1), elementwise.
Tensor TimeShift(const Tensor& sigma, double mu);

// The mu of TimeShift: 0.5 at 256 tokens, 1.15 at 4,096, linear between and
// beyond.
double FluxMu(int64_t tokens);

// Sigmas of a sampling run, from 1 to 0, shifted for `tokens`.
std::vector<double> FluxSchedule(int64_t steps, int64_t tokens, bool shift);

// sigma^-2 (sigma_sqrt), 2 / (pi (1 - 2 sigma + 2 sigma²)) (cosmap), or 1.
Tensor FlowLossWeight(FlowWeighting weighting, const Tensor& sigmas);

}  // namespace atelier::trainer
