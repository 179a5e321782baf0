// Letters: B samples, C latent channels, h and w latent cells, H and W pixels.
#include "trainer/train/train_step.h"

#include <vector>

#include "trainer/data/latent_cache.h"
#include "trainer/train/autocast.h"

namespace atelier::trainer {

TrainStep::TrainStep(const Model& model, torch::Device device,
                     const LoopOptions& options)
    : model_(model), device_(device), options_(options) {}

Tensor TrainStep::Loss(const Batch& batch, const BatchRng& rng,
                       Stopwatch& watch) const {
  const Recipe& recipe = *model_.recipe;
  watch.Enter("data");
  const Tensor latents = Latents(batch);  // [B, C, h, w]
  watch.Enter("conditioning");
  const Conditioning conditioning = Condition(batch);
  watch.Enter("forward");
  const Tensor timesteps =
      recipe.SampleTimesteps(batch.size(), rng).to(device_);  // [B]
  const Recipe::Noise noise = recipe.SampleNoise(latents, rng);
  const Tensor noisy = recipe.AddNoise(latents, noise.input, timesteps);
  Tensor output;  // [B, C, h, w]
  {
    const Autocast autocast(device_.type(), options_.precision);
    output = model_.denoiser->forward(noisy, timesteps, conditioning);
  }
  const Tensor target = recipe.Target(latents, noise.target, timesteps);
  return recipe.Loss(
      output.to(torch::kFloat32), target.to(torch::kFloat32), timesteps,
      batch.loss_weights.to(device_),
      batch.loss_mask.defined() ? batch.loss_mask.to(device_) : Tensor());
}

Tensor TrainStep::Encode(const Tensor& images) const {
  const torch::NoGradGuard no_grad;
  const Autocast autocast(
      device_.type(), options_.half_vae ? options_.precision : torch::kFloat32);
  return model_.vae->Moments(images.to(device_)).to(torch::kFloat32);
}

Tensor TrainStep::Latents(const Batch& batch) const {
  const torch::NoGradGuard no_grad;
  if (batch.latents.defined()) {
    return model_.vae->Scale(batch.latents.to(device_));
  }
  const Tensor moments = Encode(batch.images).cpu();  // [B, 2C, h, w]
  std::vector<Tensor> samples;
  for (int64_t i = 0; i < batch.size(); ++i) {
    samples.push_back(SampleMoments(moments[i], options_.seed, batch.epoch,
                                    batch.image_indices[i]));
  }
  return model_.vae->Scale(torch::stack(samples).to(device_));
}

Conditioning TrainStep::Condition(const Batch& batch) const {
  const torch::AutoGradMode gradients(trains_text_encoders_);
  const Autocast autocast(device_.type(), options_.precision);
  return model_.conditioner->Encode(batch.captions, batch.geometry);
}

}  // namespace atelier::trainer
