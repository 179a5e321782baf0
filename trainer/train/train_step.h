// One micro-batch of denoising training, from pixels and captions to the loss.
//
//   z = latents(images)     c = conditioning(captions)
//   t ~ schedule            e ~ N(0, 1)
//   z_t = add_noise(z, e, t)
//   loss = || denoiser(z_t, t, c) - target(z, e, t) ||
#pragma once

#include "trainer/architectures/architecture.h"
#include "trainer/data/batch.h"
#include "trainer/data/text_cache.h"
#include "trainer/tensor/random_tensor.h"
#include "trainer/train/options.h"
#include "trainer/train/remembered_texts.h"
#include "trainer/train/stopwatch.h"

namespace atelier::trainer {

// `cached`, moved to `device`, with the places of `live` that it lacks.
EncodedText JoinEncoded(EncodedText cached, EncodedText live,
                        torch::Device device);

// What a micro-batch came to.
struct BatchLoss {
  Tensor mean;       // the loss to differentiate, a scalar in fp32
  Tensor by_sample;  // [B], without gradients, each with its loss_weight
  Tensor timesteps;  // [B], on the CPU
};

class TrainStep {
 public:
  // `model` outlives this.
  TrainStep(const Model& model, torch::Device device,
            const LoopOptions& options);

  // `rng` says which draws the micro-batch gets; its time goes to `watch` as
  // data, conditioning and forward.
  BatchLoss Loss(const Batch& batch, const BatchRng& rng,
                 Stopwatch& watch) const;
  // Losses [T, B] fp64 on the CPU at given timesteps, without gradients. Only
  // noise is drawn, from `rng`, for each timestep anew.
  Tensor LossesAt(const Batch& batch, absl::Span<const double> timesteps,
                  const BatchRng& rng) const;

  // Images [B, 3, H, W] to moments [B, 2C, h, w], without gradients.
  Tensor Encode(const Tensor& images) const;
  // Outputs of the text encoders that are not trained, without gradients.
  EncodedText EncodeFrozen(absl::Span<const std::string> captions) const;

  // Takes the outputs of encoders that are not trained from here, which
  // outlives this; null: they run.
  void set_texts(const TextCache* texts) { texts_ = texts; }
  // Where encoders run that are not trained, and whose weights nobody changes
  // in between, their outputs are kept here, which outlives this; null: they
  // run for each batch.
  void set_remembered_texts(RememberedTexts* texts) { remembered_ = texts; }
  // Gradients flow into the text encoders.
  void set_trains_text_encoders(bool trains) { trains_text_encoders_ = trains; }

 private:
  Tensor Latents(const Batch& batch) const;
  // `rng` null: nothing random, and no gradients.
  Conditioning Condition(const Batch& batch, const BatchRng* rng) const;
  EncodedText EncodeAll(absl::Span<const std::string> captions) const;
  // Losses [B] of these latents at these levels.
  Tensor SampleLosses(const Tensor& latents, const NoiseLevels& levels,
                      const Conditioning& conditioning, const Batch& batch,
                      const BatchRng& rng) const;

  const Model& model_;
  torch::Device device_;
  LoopOptions options_;
  const TextCache* texts_ = nullptr;
  RememberedTexts* remembered_ = nullptr;
  bool trains_text_encoders_ = false;
};

}  // namespace atelier::trainer
