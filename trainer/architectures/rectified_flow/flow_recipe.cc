#include "trainer/architectures/rectified_flow/flow_recipe.h"

#include "absl/memory/memory.h"

#include "trainer/architectures/rectified_flow/preview.h"
#include "trainer/diffusion/element_loss.h"
#include "trainer/diffusion/flow_timesteps.h"
#include "trainer/diffusion/noise_options.h"
#include "trainer/diffusion/noise_schedule.h"
#include "trainer/diffusion/samplers/sampler.h"
#include "trainer/tensor/device.h"

namespace atelier::trainer {
namespace {

// Stream of the strength of the input's perturbation; its draw is stream 0.
constexpr uint32_t kStrengthStream = 1;

bool HasThreshold(LossType type) {
  return type == LossType::kHuber || type == LossType::kSmoothL1;
}

// [B] -> [B, 1, 1, 1], where and as the latents are.
Tensor PerSample(const Tensor& values, const Tensor& latents) {
  return SendTo(values, latents.device()).view({-1, 1, 1, 1});
}

Tensor Perturbed(const Tensor& noise, const DiffusionOptions& options,
                 const BatchRng& rng) {
  constexpr RngPurpose kPurpose = RngPurpose::kInputPerturbation;
  Tensor strength =
      torch::full({noise.size(0), 1, 1, 1}, options.ip_noise_gamma);
  if (options.ip_noise_gamma_random_strength) {
    strength =
        strength * rng.Uniform(kPurpose, strength.sizes(), kStrengthStream);
  }
  return WithInputPerturbation(noise, rng.Normal(kPurpose, noise.sizes()),
                               strength);
}

}  // namespace

absl::StatusOr<std::unique_ptr<FlowRecipe>> FlowRecipe::Make(
    const FlowFamily& family, const DiffusionOptions& options,
    const FlowOptions& flow) {
  if (HasThreshold(options.loss_type) &&
      options.huber_schedule == HuberSchedule::kSnr) {
    return absl::InvalidArgumentError(
        "huber_schedule is snr, which a rectified flow does not have; use "
        "constant or exponential with loss_type huber and smooth_l1");
  }
  return absl::WrapUnique(new FlowRecipe(family, options, flow));
}

NoiseLevels FlowRecipe::SampleNoiseLevels(const Tensor& latents,
                                          const BatchRng& rng) const {
  const int64_t batch = latents.size(0);
  const Tensor draws = DrawsNormal(flow_.timesteps)
                           ? rng.Normal(RngPurpose::kTimestep, {batch})
                           : rng.Uniform(RngPurpose::kTimestep, {batch});
  const int64_t tokens = (latents.size(2) / 2) * (latents.size(3) / 2);
  FlowTimesteps drawn = FlowTimestepsFrom(flow_.timesteps, draws, tokens);
  return {drawn.timesteps, drawn.sigmas};
}

Recipe::Noise FlowRecipe::SampleNoise(const Tensor& latents,
                                      const BatchRng& rng) const {
  const Tensor noise = rng.Normal(RngPurpose::kNoise, latents.sizes());
  const Tensor target = SendTo(noise, latents.device());
  if (!family_.takes_ip_noise_gamma || options_.ip_noise_gamma <= 0) {
    return {target, target};
  }
  return {target, SendTo(Perturbed(noise, options_, rng), latents.device())};
}

Tensor FlowRecipe::AddNoise(const Tensor& latents, const Tensor& noise,
                            const NoiseLevels& levels) const {
  const Tensor sigmas = PerSample(levels.sigmas, latents);
  return (1 - sigmas) * latents + sigmas * noise;
}

Tensor FlowRecipe::Target(const Tensor& latents, const Tensor& noise,
                          const NoiseLevels& /*levels*/) const {
  switch (family_.target) {
    case FlowTarget::kNoiseMinusLatents:
      return noise - latents;
    case FlowTarget::kLatentsMinusNoise:
      return latents - noise;
    case FlowTarget::kLatents:
      break;
  }
  return latents;
}

FlowPrediction FlowRecipe::prediction() const {
  return family_.prediction.value_or(flow_.prediction);
}

Tensor FlowRecipe::Prediction(const Tensor& output, const Tensor& noisy,
                              const NoiseLevels& levels) const {
  switch (prediction()) {
    case FlowPrediction::kRaw:
      break;
    case FlowPrediction::kAdditive:
      return output + noisy;
    case FlowPrediction::kSigmaScaled:
      return noisy - PerSample(levels.sigmas, noisy) * output;
  }
  return output;
}

Tensor FlowRecipe::Thresholds(const NoiseLevels& levels) const {
  if (!HasThreshold(options_.loss_type)) return {};
  const Tensor& timesteps = levels.timesteps;
  return HuberThreshold(
      options_, NoiseSchedule{},
      family_.huber_counts_down ? kTrainTimesteps - timesteps : timesteps);
}

NoiseLevels FlowRecipe::LevelsAt(const Tensor& timesteps) const {
  return {timesteps, timesteps / kTrainTimesteps};
}

Tensor FlowRecipe::SampleLosses(const Tensor& prediction, const Tensor& target,
                                const NoiseLevels& levels,
                                const Tensor& loss_weights,
                                const Tensor& loss_mask) const {
  Tensor loss = ElementLoss(options_.loss_type, prediction.to(torch::kFloat32),
                            target.to(torch::kFloat32), Thresholds(levels));
  if (loss_mask.defined()) loss = MaskedLoss(loss, loss_mask);
  loss = loss.mean({1, 2, 3});  // [B]
  if (this->prediction() == FlowPrediction::kSigmaScaled) {
    const Tensor sigmas = SendTo(levels.sigmas, loss.device());
    const Tensor weighed =
        torch::where(sigmas > 0, sigmas, 1.0 / kTrainTimesteps);
    loss = loss * FlowLossWeight(flow_.weighting, weighed);
  }
  return loss * SendTo(loss_weights, loss.device());
}

absl::StatusOr<Tensor> FlowRecipe::Preview(Denoiser& denoiser,
                                           const PreviewRequest& request,
                                           torch::Device device) const {
  return DrawFlowPreview(denoiser, request, family_, device);
}

std::vector<std::string> FlowRecipe::Samplers() const {
  std::vector<std::string> names;
  for (const Sampler& sampler : AllSamplers()) {
    if (sampler.is_flow) names.emplace_back(sampler.name);
  }
  return names;
}

}  // namespace atelier::trainer
