#include "trainer/architectures/ldm_unet/ddpm_recipe.h"

#include <algorithm>

#include "trainer/architectures/ldm_unet/preview.h"
#include "trainer/diffusion/element_loss.h"
#include "trainer/diffusion/loss_weighting.h"
#include "trainer/diffusion/noise_options.h"
#include "trainer/diffusion/prediction.h"
#include "trainer/diffusion/samplers/sampler.h"
#include "trainer/diffusion/timestep_sampler.h"
#include "trainer/tensor/device.h"

namespace atelier::trainer {
namespace {

// Streams of one purpose: the draw itself first, then its strength or layers.
constexpr uint32_t kStrengthStream = 1;
constexpr uint32_t kFirstLayerStream = 1;
constexpr int64_t kMostLayers = 64;  // far more than a side can be halved

// The strength of each sample, fixed or uniform up to it.
//
// Shapes: [B, 1, 1, 1].
Tensor Strengths(double strength, bool is_random, int64_t batch,
                 const BatchRng& rng, RngPurpose purpose) {
  if (!is_random) return torch::full({batch, 1, 1, 1}, strength);
  return strength * rng.Uniform(purpose, {batch, 1, 1, 1}, kStrengthStream);
}

}  // namespace

DdpmRecipe::DdpmRecipe(const DiffusionOptions& options, int64_t latent_channels)
    : options_(options),
      latent_channels_(latent_channels),
      schedule_(MakeNoiseSchedule(options.zero_terminal_snr)),
      snr_(WithoutZeroSnr(schedule_.snr)) {}

NoiseLevels DdpmRecipe::SampleNoiseLevels(const Tensor& latents,
                                          const BatchRng& rng) const {
  const Tensor draws = rng.Uniform(RngPurpose::kTimestep, {latents.size(0)});
  return {TimestepsFrom(draws, options_), Tensor()};
}

Recipe::Noise DdpmRecipe::SampleNoise(const Tensor& latents,
                                      const BatchRng& rng) const {
  const torch::Device device = latents.device();
  Tensor noise = rng.Normal(RngPurpose::kNoise, latents.sizes());
  if (options_.noise_offset > 0) noise = WithOffset(noise, latents, rng);
  if (options_.multires_noise_iterations > 0) {
    noise = WithMultires(noise, rng);
  }
  const Tensor target = SendTo(noise, device);
  if (options_.ip_noise_gamma <= 0) return {target, target};
  return {target, SendTo(WithPerturbation(noise, rng), device)};
}

Tensor DdpmRecipe::WithOffset(const Tensor& noise, const Tensor& latents,
                              const BatchRng& rng) const {
  constexpr RngPurpose kPurpose = RngPurpose::kNoiseOffset;
  const int64_t batch = noise.size(0);
  const Tensor draw = rng.Normal(kPurpose, {batch, noise.size(1), 1, 1});
  const Tensor strength =
      Strengths(options_.noise_offset, options_.noise_offset_random_strength,
                batch, rng, kPurpose);
  // The host waits for latents only where it needs their means.
  const Tensor means_of = options_.adaptive_noise_scale == 0
                              ? noise
                              : latents.to(noise.device(), noise.dtype());
  return WithNoiseOffset(noise, means_of, draw, strength,
                         options_.adaptive_noise_scale);
}

Tensor DdpmRecipe::WithMultires(const Tensor& noise,
                                const BatchRng& rng) const {
  constexpr RngPurpose kPurpose = RngPurpose::kMultiresNoise;
  const int64_t iterations =
      std::min(options_.multires_noise_iterations, kMostLayers);
  const Tensor ratios = rng.Uniform(kPurpose, {noise.size(0), iterations})
                            .to(torch::kFloat64)
                            .contiguous();
  std::vector<Tensor> rows;
  for (int64_t row = 0; row < noise.size(0); ++row) {
    const BatchRng sample = {rng.seed, rng.step, rng.first_sample + row};
    const double* uniform = ratios[row].data_ptr<double>();
    const auto sizes =
        MultiresSizes(noise.size(2), noise.size(3),
                      {uniform, static_cast<size_t>(iterations)});
    std::vector<Tensor> layers;
    for (size_t i = 0; i < sizes.size(); ++i) {
      layers.push_back(sample.Normal(
          kPurpose, {1, noise.size(1), sizes[i].first, sizes[i].second},
          kFirstLayerStream + static_cast<uint32_t>(i)));
    }
    rows.push_back(WithMultiresNoise(noise.slice(0, row, row + 1), layers,
                                     options_.multires_noise_discount));
  }
  return torch::cat(rows);
}

Tensor DdpmRecipe::WithPerturbation(const Tensor& noise,
                                    const BatchRng& rng) const {
  constexpr RngPurpose kPurpose = RngPurpose::kInputPerturbation;
  const Tensor draw = rng.Normal(kPurpose, noise.sizes());
  return WithInputPerturbation(
      noise, draw,
      Strengths(options_.ip_noise_gamma,
                options_.ip_noise_gamma_random_strength, noise.size(0), rng,
                kPurpose));
}

Tensor DdpmRecipe::AddNoise(const Tensor& latents, const Tensor& noise,
                            const NoiseLevels& levels) const {
  return trainer::AddNoise(schedule_, latents, noise, levels.timesteps);
}

Tensor DdpmRecipe::Target(const Tensor& latents, const Tensor& noise,
                          const NoiseLevels& levels) const {
  return PredictionTarget(options_.prediction_type, schedule_, latents, noise,
                          levels.timesteps);
}

NoiseLevels DdpmRecipe::LevelsAt(const Tensor& timesteps) const {
  return {timesteps.to(torch::kInt64).clamp(0, kTrainTimesteps - 1), Tensor()};
}

Tensor DdpmRecipe::SampleLosses(const Tensor& prediction, const Tensor& target,
                                const NoiseLevels& levels,
                                const Tensor& loss_weights,
                                const Tensor& loss_mask) const {
  const Tensor& timesteps = levels.timesteps;
  Tensor loss = ElementLoss(options_.loss_type, prediction.to(torch::kFloat32),
                            target.to(torch::kFloat32),
                            HuberThreshold(options_, schedule_, timesteps));
  if (loss_mask.defined()) loss = MaskedLoss(loss, loss_mask);
  loss = loss.mean({1, 2, 3});  // [B]
  loss = loss * SendTo(loss_weights, loss.device());
  const Tensor weight = TimestepWeight(ValuesAt(snr_, timesteps), options_);
  return loss * SendTo(weight, loss.device());
}

absl::StatusOr<Tensor> DdpmRecipe::Preview(Denoiser& denoiser,
                                           const PreviewRequest& request,
                                           torch::Device device) const {
  return DrawPreview(denoiser, request,
                     PreviewSampling(options_, schedule_, request),
                     {latent_channels_, device});
}

std::vector<std::string> DdpmRecipe::Samplers() const {
  std::vector<std::string> names;
  for (const Sampler& sampler : AllSamplers()) {
    if (!sampler.is_flow) names.emplace_back(sampler.name);
  }
  return names;
}

}  // namespace atelier::trainer
