// Letters: B samples, C latent channels, h and w latent cells, H and W pixels.
#include "trainer/train/train_step.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "trainer/data/latent_cache.h"
#include "trainer/tensor/device.h"
#include "trainer/train/autocast.h"

namespace atelier::trainer {

TrainStep::TrainStep(const Model& model, torch::Device device,
                     const LoopOptions& options)
    : model_(model), device_(device), options_(options) {}

BatchLoss TrainStep::Loss(const Batch& batch, const BatchRng& rng,
                          Stopwatch& watch) const {
  watch.Enter("data");
  const Tensor latents = Latents(batch);  // [B, C, h, w]
  watch.Enter("conditioning");
  const Conditioning conditioning = Condition(batch, &rng);
  watch.Enter("forward");
  const NoiseLevels levels = model_.recipe->SampleNoiseLevels(latents, rng);
  const Tensor losses = SampleLosses(latents, levels.to(device_), conditioning,
                                     batch, rng);  // [B]
  return {losses.mean(), losses.detach(), levels.timesteps.cpu()};
}

Tensor TrainStep::LossesAt(const Batch& batch,
                           absl::Span<const double> timesteps,
                           const BatchRng& rng) const {
  const torch::NoGradGuard no_grad;
  const Tensor latents = Latents(batch);
  const Conditioning conditioning = Condition(batch, nullptr);
  std::vector<Tensor> losses;
  BatchRng draws = rng;
  for (const double timestep : timesteps) {
    const NoiseLevels levels = model_.recipe->LevelsAt(
        torch::full({batch.size()}, timestep, torch::kFloat32));
    losses.push_back(
        SampleLosses(latents, levels.to(device_), conditioning, batch, draws));
    ++draws.step;
  }
  return torch::stack(losses).to(torch::kCPU, torch::kFloat64);
}

Tensor TrainStep::SampleLosses(const Tensor& latents, const NoiseLevels& levels,
                               const Conditioning& conditioning,
                               const Batch& batch, const BatchRng& rng) const {
  const Recipe& recipe = *model_.recipe;
  const Recipe::Noise noise = recipe.SampleNoise(latents, rng);
  const Tensor noisy = recipe.AddNoise(latents, noise.input, levels);
  Tensor output;  // [B, C, h, w]
  {
    const Autocast autocast(device_.type(), options_.precision);
    output = model_.denoiser->forward(noisy, levels.timesteps, conditioning);
  }
  const Tensor prediction =
      recipe.Prediction(output.to(torch::kFloat32), noisy, levels);
  const Tensor target = recipe.Target(latents, noise.target, levels);
  return recipe.SampleLosses(
      prediction, target.to(torch::kFloat32), levels,
      SendTo(batch.loss_weights, device_),
      batch.loss_mask.defined() ? SendTo(batch.loss_mask, device_) : Tensor());
}

Tensor TrainStep::Encode(const Tensor& images) const {
  const torch::NoGradGuard no_grad;
  const Autocast autocast(
      device_.type(), options_.half_vae ? options_.precision : torch::kFloat32);
  return model_.vae->Moments(SendTo(images, device_)).to(torch::kFloat32);
}

Tensor TrainStep::Latents(const Batch& batch) const {
  const torch::NoGradGuard no_grad;
  if (batch.latents.defined()) {
    return model_.vae->Scale(SendTo(batch.latents, device_));
  }
  const Tensor moments = Encode(batch.images).cpu();  // [B, 2C, h, w]
  std::vector<Tensor> samples;
  for (int64_t i = 0; i < batch.size(); ++i) {
    samples.push_back(SampleMoments(moments[i], options_.seed, batch.epoch,
                                    batch.image_indices[i]));
  }
  return model_.vae->Scale(SendTo(torch::stack(samples), device_));
}

EncodedText TrainStep::EncodeFrozen(
    absl::Span<const std::string> captions) const {
  const torch::NoGradGuard no_grad;
  const Autocast autocast(device_.type(), options_.precision);
  return model_.conditioner->Encode(captions, EncoderChoice::kFrozen);
}

Conditioning TrainStep::Condition(const Batch& batch,
                                  const BatchRng* rng) const {
  const torch::AutoGradMode gradients(trains_text_encoders_ && rng != nullptr);
  const Autocast autocast(device_.type(), options_.precision);
  Conditioner& conditioner = *model_.conditioner;
  EncodedText text;
  if (texts_ == nullptr) {
    text = EncodeAll(batch.captions);
  } else {
    EncodedText live;
    if (trains_text_encoders_) {
      live = conditioner.Encode(batch.captions, EncoderChoice::kTrained);
    }
    text = JoinEncoded(texts_->Rows(batch.captions), std::move(live), device_);
  }
  return conditioner.Condition(text, batch.geometry, rng);
}

EncodedText TrainStep::EncodeAll(absl::Span<const std::string> captions) const {
  Conditioner& conditioner = *model_.conditioner;
  if (remembered_ == nullptr || trains_text_encoders_) {
    return conditioner.Encode(captions, EncoderChoice::kAll);
  }
  return remembered_->Rows(captions, [&](const std::string& caption) {
    return conditioner.Encode({caption}, EncoderChoice::kAll);
  });
}

EncodedText JoinEncoded(EncodedText cached, EncodedText live,
                        torch::Device device) {
  EncodedText joined(std::max(cached.size(), live.size()));
  for (size_t i = 0; i < joined.size(); ++i) {
    if (i < live.size() && live[i].defined()) {
      joined[i] = std::move(live[i]);
    } else if (i < cached.size() && cached[i].defined()) {
      joined[i] = SendTo(cached[i], device);
    }
  }
  return joined;
}

}  // namespace atelier::trainer
