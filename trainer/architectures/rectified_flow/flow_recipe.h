// The objective of rectified-flow models: Stable Diffusion 3, FLUX.1 and Lumina
// Image 2. Their outputs point along the straight line between picture and
// noise.
//
//   noisy      = (1 - sigma) * latents + sigma * noise
//   prediction = output (raw), output + noisy (additive) or
//                noisy - sigma * output (sigma_scaled)
//   loss       = mean over samples of loss_weight * mean over elements of
//                mask * weight(sigma) * element loss(prediction, target)
//
// The weight is that of FlowOptions::weighting and counts with the sigma_scaled
// prediction only. It belongs to its own sample; the reference multiplies SD3's
// mean weight with the mean loss, which is the same for batches of one. A sigma
// of 0 weighs as the smallest step of the schedule does.
//
// Source: Esser et al., "Scaling Rectified Flow Transformers for
// High-Resolution Image Synthesis", 2024.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/rectified_flow/flow_family.h"
#include "trainer/diffusion/options.h"

namespace atelier::trainer {

class FlowRecipe : public Recipe {
 public:
  // Of the options, loss_type, huber_* and ip_noise_gamma* are read; the others
  // belong to noise schedules.
  //
  // Errors: INVALID_ARGUMENT for huber_schedule snr with a loss_type that reads
  // it: a flow has no such schedule.
  static absl::StatusOr<std::unique_ptr<FlowRecipe>> Make(
      const FlowFamily& family, const DiffusionOptions& options,
      const FlowOptions& flow);

  NoiseLevels SampleNoiseLevels(const Tensor& latents,
                                const BatchRng& rng) const override;
  NoiseLevels LevelsAt(const Tensor& timesteps) const override;
  Noise SampleNoise(const Tensor& latents, const BatchRng& rng) const override;
  Tensor AddNoise(const Tensor& latents, const Tensor& noise,
                  const NoiseLevels& levels) const override;
  Tensor Target(const Tensor& latents, const Tensor& noise,
                const NoiseLevels& levels) const override;
  Tensor Prediction(const Tensor& output, const Tensor& noisy,
                    const NoiseLevels& levels) const override;
  Tensor SampleLosses(const Tensor& prediction, const Tensor& target,
                      const NoiseLevels& levels, const Tensor& loss_weights,
                      const Tensor& loss_mask) const override;

  // Errors: INVALID_ARGUMENT for sizes, steps and samplers that do not exist.
  absl::StatusOr<Tensor> Preview(Denoiser& denoiser,
                                 const PreviewRequest& request,
                                 torch::Device device) const override;
  std::vector<std::string> Samplers() const override;

 private:
  FlowRecipe(const FlowFamily& family, const DiffusionOptions& options,
             const FlowOptions& flow)
      : family_(family), options_(options), flow_(flow) {}
  FlowPrediction prediction() const;
  Tensor Thresholds(const NoiseLevels& levels) const;

  FlowFamily family_;
  DiffusionOptions options_;
  FlowOptions flow_;
};

}  // namespace atelier::trainer
