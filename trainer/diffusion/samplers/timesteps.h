// Where the steps of a sampler stand: timesteps, and noise levels between the
// entries of the schedule. Sigma here is sqrt((1 - a) / a), a being
// alphas_cumprod.
#pragma once

#include <vector>

#include "trainer/diffusion/samplers/sampler.h"

namespace atelier::trainer {

// What an alphas_cumprod of 0 counts as where it would divide (Diffusers, Euler
// scheduler).
inline constexpr double kSmallestAlpha = 0x1p-24;

// alphas_cumprod as doubles.
std::vector<double> AlphasCumprod(const NoiseSchedule& schedule);

// Sigma of every timestep of the schedule, rising. An alphas_cumprod of 0
// counts as 2^-24, so that the noisiest level stays finite.
std::vector<double> SigmaTable(const NoiseSchedule& schedule);

// Timesteps, noisiest first. Linspace timesteps keep their fraction.
std::vector<double> SpacedTimesteps(const SamplerOptions& options);

// Rounds half to even, as NumPy does.
std::vector<double> Rounded(std::vector<double> values);

// Linear interpolation of the table at each timestep.
std::vector<double> SigmasAt(const std::vector<double>& table,
                             const std::vector<double>& timesteps);

// `count` levels from `largest` to `smallest`, evenly spaced in sigma^(1/7).
//
// Source: Karras et al., "Elucidating the Design Space of Diffusion-Based
// Generative Models", 2022, equation 5.
std::vector<double> KarrasSigmas(double largest, double smallest,
                                 int64_t count);

// The timesteps whose sigma that is, by linear interpolation of the logarithm.
std::vector<double> TimestepsOfSigmas(const std::vector<double>& table,
                                      const std::vector<double>& sigmas);

// The plan that the Euler samplers share: spaced timesteps, interpolated sigmas
// and a last 0.
SamplerPlan EulerPlan(const SamplerOptions& options);

// How an ancestral sampler goes from one noise level to the next: down by the
// denoiser to below it, then up by fresh noise; up² + down² = to².
struct AncestralLevels {
  double down;
  double up;
};
AncestralLevels SplitAncestral(double from, double to);

// The clean latents that the denoiser sees in `x` = original + sigma * noise.
Tensor DenoisedAt(const SamplerOptions& options, const SamplerCalls& calls,
                  const Tensor& x, double sigma, double timestep);

}  // namespace atelier::trainer
