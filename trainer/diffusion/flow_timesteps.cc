#include "trainer/diffusion/flow_timesteps.h"

#include <cmath>
#include <numbers>

#include "trainer/diffusion/noise_schedule.h"

namespace atelier::trainer {
namespace {

// Keeps 1 / sigma finite; Lumina-Image 2.0, and far below the smallest sigmoid
// that training draws.
constexpr double kSmallestSigma = 1e-7;

Tensor DensityDraw(const FlowTimestepOptions& options, const Tensor& draws) {
  switch (options.density) {
    case FlowDensity::kUniform:
      return draws;
    case FlowDensity::kLogitNormal:
      return torch::sigmoid(draws * options.logit_std + options.logit_mean);
    case FlowDensity::kMode:
      break;
  }
  const Tensor cosine = torch::cos(draws * (std::numbers::pi / 2));
  return 1 - draws - options.mode_scale * (cosine.square() - 1 + draws);
}

// Whole timesteps; sigma is timestep / 1000.
FlowTimesteps FromDensity(const FlowTimestepOptions& options,
                          const Tensor& draws) {
  const Tensor u = ShiftedSigma(DensityDraw(options, draws), options.shift);
  const int64_t range = options.max_timestep - options.min_timestep;
  const Tensor timesteps =
      (u * range + options.min_timestep).floor().to(torch::kFloat32);
  return {timesteps, timesteps / kTrainTimesteps};
}

// An entry of the table of shifted noise levels, noisiest first.
FlowTimesteps FromTable(const FlowTimestepOptions& options,
                        const Tensor& draws) {
  const Tensor table = ShiftedSigma(
      torch::arange(kTrainTimesteps, 0, -1, torch::kFloat32) / kTrainTimesteps,
      options.shift);
  const Tensor index = (DensityDraw(options, draws) * kTrainTimesteps)
                           .to(torch::kInt64)
                           .clamp(0, kTrainTimesteps - 1);
  const Tensor sigmas = ValuesAt(table, index);
  return {sigmas * kTrainTimesteps, sigmas};
}

Tensor ContinuousSigma(const FlowTimestepOptions& options, const Tensor& draws,
                       int64_t tokens) {
  const double mu = FluxMu(tokens);
  const auto sigmoid = [&] {
    return torch::sigmoid(draws * options.sigmoid_scale);
  };
  switch (options.sampling) {
    case FlowSampling::kSigmoid:
      return sigmoid();
    case FlowSampling::kShift:
      return ShiftedSigma(sigmoid(), options.shift);
    case FlowSampling::kFluxShift:
      return TimeShift(sigmoid().clamp_min(kSmallestSigma), mu);
    case FlowSampling::kNextditShift:
      return TimeShift(draws.clamp_min(kSmallestSigma), mu);
    default:
      return draws;
  }
}

}  // namespace

bool DrawsNormal(const FlowTimestepOptions& options) {
  switch (options.sampling) {
    case FlowSampling::kDensity:
    case FlowSampling::kSigma:
      return options.density == FlowDensity::kLogitNormal;
    case FlowSampling::kUniform:
    case FlowSampling::kNextditShift:
      return false;
    default:
      return true;
  }
}

FlowTimesteps FlowTimestepsFrom(const FlowTimestepOptions& options,
                                const Tensor& draws, int64_t tokens) {
  if (options.sampling == FlowSampling::kDensity) {
    return FromDensity(options, draws);
  }
  if (options.sampling == FlowSampling::kSigma) {
    return FromTable(options, draws);
  }
  const Tensor sigmas = ContinuousSigma(options, draws, tokens);
  return {sigmas * kTrainTimesteps, sigmas};
}

Tensor ShiftedSigma(const Tensor& sigma, double shift) {
  return sigma * shift / (1 + (shift - 1) * sigma);
}

Tensor TimeShift(const Tensor& sigma, double mu) {
  const double e = std::exp(mu);
  return e / (e + (1 / sigma - 1));
}

double FluxMu(int64_t tokens) {
  constexpr double kSlope = (1.15 - 0.5) / (4096 - 256);
  return 0.5 + kSlope * static_cast<double>(tokens - 256);
}

std::vector<double> FluxSchedule(int64_t steps, int64_t tokens, bool shift) {
  const double e = std::exp(FluxMu(tokens));
  std::vector<double> sigmas;
  for (int64_t i = 0; i <= steps; ++i) {
    const double t = 1 - static_cast<double>(i) / static_cast<double>(steps);
    const bool shifted = shift && t > 0;
    sigmas.push_back(shifted ? e / (e + (1 / t - 1)) : t);
  }
  return sigmas;
}

Tensor FlowLossWeight(FlowWeighting weighting, const Tensor& sigmas) {
  switch (weighting) {
    case FlowWeighting::kSigmaSqrt:
      return sigmas.pow(-2);
    case FlowWeighting::kCosmap:
      return 2 / (std::numbers::pi * (1 - 2 * sigmas + 2 * sigmas.square()));
    case FlowWeighting::kNone:
      break;
  }
  return torch::ones_like(sigmas);
}

}  // namespace atelier::trainer
