// The objective of the Stable Diffusion family that predates rectified flow:
// noise or velocity prediction over 1,000 timesteps.
//
// Row i of everything random depends on the sample alone, not on the batch that
// it stands in. The reference draws the random strengths and the layers of
// multi-resolution noise once a batch; here each sample has its own, as with
// the reference's batches of one.
#pragma once

#include <string>
#include <vector>

#include "trainer/architectures/architecture.h"
#include "trainer/diffusion/noise_schedule.h"
#include "trainer/diffusion/options.h"

namespace atelier::trainer {

class DdpmRecipe : public Recipe {
 public:
  // `latent_channels` of the denoiser, for previews.
  DdpmRecipe(const DiffusionOptions& options, int64_t latent_channels);

  NoiseLevels SampleNoiseLevels(const Tensor& latents,
                                const BatchRng& rng) const override;
  NoiseLevels LevelsAt(const Tensor& timesteps) const override;
  Noise SampleNoise(const Tensor& latents, const BatchRng& rng) const override;
  Tensor AddNoise(const Tensor& latents, const Tensor& noise,
                  const NoiseLevels& levels) const override;
  Tensor Target(const Tensor& latents, const Tensor& noise,
                const NoiseLevels& levels) const override;
  Tensor SampleLosses(const Tensor& prediction, const Tensor& target,
                      const NoiseLevels& levels, const Tensor& loss_weights,
                      const Tensor& loss_mask) const override;

  // Errors: INVALID_ARGUMENT for sizes, steps and samplers that do not exist.
  absl::StatusOr<Tensor> Preview(Denoiser& denoiser,
                                 const PreviewRequest& request,
                                 torch::Device device) const override;
  std::vector<std::string> Samplers() const override;

  const DiffusionOptions& options() const { return options_; }

 private:
  Tensor WithOffset(const Tensor& noise, const Tensor& latents,
                    const BatchRng& rng) const;
  Tensor WithMultires(const Tensor& noise, const BatchRng& rng) const;
  Tensor WithPerturbation(const Tensor& noise, const BatchRng& rng) const;

  DiffusionOptions options_;
  int64_t latent_channels_;
  NoiseSchedule schedule_;
  Tensor snr_;  // [T], without zeros
};

}  // namespace atelier::trainer
