// The network that is trained and what it learns: denoiser, its conditioning,
// and the objective of an architecture.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/memory/block_runner.h"
#include "trainer/tensor/device.h"
#include "trainer/tensor/random_tensor.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// What the denoiser is conditioned on; an architecture fills the tensors that
// it uses, the others stay undefined.
//
// Shapes: context [B, L, D], pooled [B, P], context_mask [B, L], size_ids [B,
// 6], guidance [B], position_crop [B, 2] on the CPU.
struct Conditioning {
  Tensor context;
  Tensor pooled;
  Tensor context_mask;
  Tensor size_ids;
  Tensor guidance;
  // Where in the table of positions a sample's crop begins, down and across, as
  // shares (0 up to 1) of the room that there is; below 0: in the middle.
  Tensor position_crop;
};

// The network that is trained.
class Denoiser : public torch::nn::Module {
 public:
  // Shapes: latents [B, C, h, w], timesteps [B] in 0..1000; returns [B, C, h,
  // w].
  virtual Tensor forward(const Tensor& latents, const Tensor& timesteps,
                         const Conditioning& conditioning) = 0;
  // Recompute activations in the backward pass instead of keeping them.
  virtual void SetGradientCheckpointing(bool enabled) = 0;
  // Runs the repeated blocks of a transformer, which can be moved between
  // device and host memory one by one; null: the network has none.
  virtual BlockRunner* block_runner() { return nullptr; }
};

// A preview to draw.
struct PreviewRequest {
  Conditioning positive;
  Conditioning negative;  // of the empty or negative prompt; used when
                          // cfg_scale is not 1
  int width = 512;
  int height = 512;
  int steps = 30;
  double cfg_scale = 7.5;
  std::string sampler = "ddim";
  uint64_t seed = 0;
  // Each for the families that have it; none: the family's own value.
  std::optional<double> guidance_scale;
  std::optional<double> flow_shift;
  std::optional<double> cfg_trunc_ratio;
  std::optional<double> renorm_cfg;
};

// How noisy each sample of a batch is. Shapes: both [B] fp32; `sigmas`, the
// share of noise, is undefined for schedules that are tables over timesteps.
struct NoiseLevels {
  Tensor timesteps;
  Tensor sigmas;

  // The host does not wait for the device.
  NoiseLevels to(torch::Device device) const {
    return {SendTo(timesteps, device),
            sigmas.defined() ? SendTo(sigmas, device) : Tensor()};
  }
};

// The objective of an architecture: how noise is added and what is learnt.
class Recipe {
 public:
  virtual ~Recipe() = default;

  // Everything random of one micro-batch comes from `rng`. Shapes: latents [B,
  // C, h, w], of which only the sizes are read.
  virtual NoiseLevels SampleNoiseLevels(const Tensor& latents,
                                        const BatchRng& rng) const = 0;
  // The levels of given timesteps, [B] fp32 in 0..1000, for a loss that can be
  // compared from one time to another.
  virtual NoiseLevels LevelsAt(const Tensor& timesteps) const = 0;
  // Noise that becomes the target, and the noise that is added to the input
  // (the same unless ip_noise_gamma is set). Shapes as latents.
  struct Noise {
    Tensor target;
    Tensor input;
  };
  virtual Noise SampleNoise(const Tensor& latents,
                            const BatchRng& rng) const = 0;
  virtual Tensor AddNoise(const Tensor& latents, const Tensor& noise,
                          const NoiseLevels& levels) const = 0;
  virtual Tensor Target(const Tensor& latents, const Tensor& noise,
                        const NoiseLevels& levels) const = 0;
  // The network's output as a value to compare with the target.
  virtual Tensor Prediction(const Tensor& output, const Tensor& /*noisy*/,
                            const NoiseLevels& /*levels*/) const {
    return output;
  }
  // The loss of each sample, [B] fp32: elements, mask, mean over the sample,
  // its weight, timestep weights (sd-scripts-spec 5.4). Shapes: prediction and
  // target [B, C, h, w], loss_weights [B], loss_mask [B, 1, H, W] or undefined.
  virtual Tensor SampleLosses(const Tensor& prediction, const Tensor& target,
                              const NoiseLevels& levels,
                              const Tensor& loss_weights,
                              const Tensor& loss_mask) const = 0;
  // The loss to differentiate, a scalar: their mean over the batch.
  Tensor Loss(const Tensor& prediction, const Tensor& target,
              const NoiseLevels& levels, const Tensor& loss_weights,
              const Tensor& loss_mask) const {
    return SampleLosses(prediction, target, levels, loss_weights, loss_mask)
        .mean();
  }

  // Draws latents [1, C, h, w] for a preview. Samplers: Samplers().
  virtual absl::StatusOr<Tensor> Preview(Denoiser& denoiser,
                                         const PreviewRequest& request,
                                         torch::Device device) const = 0;
  virtual std::vector<std::string> Samplers() const = 0;
};

}  // namespace atelier::trainer
