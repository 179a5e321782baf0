// The seam between the training loop and the model families. One family is one
// folder beside this file and one row in registry.cc; the loop, the server and
// the client know none of them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/diffusion/options.h"
#include "trainer/job/image_geometry.h"
#include "trainer/tensor/random_tensor.h"
#include "trainer/tensor/torch.h"
#include "trainer/vae/autoencoder_kl.h"

namespace atelier::trainer {

// What the denoiser is conditioned on; an architecture fills the tensors that
// it uses, the others stay undefined. A cached batch stores exactly this.
//
// Shapes: context [B, L, D], pooled [B, P], context_mask [B, L], size_ids [B,
// 6], guidance [B].
struct Conditioning {
  Tensor context;
  Tensor pooled;
  Tensor context_mask;
  Tensor size_ids;
  Tensor guidance;
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
};

// A module of the conditioner with the name its options and learning rates use.
struct TextEncoder {
  std::string name;  // `text_encoder`, `text_encoder1`, …
  std::shared_ptr<torch::nn::Module> module;
};

// Captions to conditioning; owns tokenizers and text encoders.
class Conditioner {
 public:
  virtual ~Conditioner() = default;

  virtual std::vector<TextEncoder> TextEncoders() const = 0;
  // Gradients flow into encoders whose parameters require them, unless grad
  // mode is off. `geometry` has one entry a caption.
  virtual Conditioning Encode(absl::Span<const std::string> captions,
                              absl::Span<const ImageGeometry> geometry) = 0;
  virtual void SetGradientCheckpointing(bool enabled) = 0;
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
};

// The objective of an architecture: how noise is added and what is learnt.
class Recipe {
 public:
  virtual ~Recipe() = default;

  // Everything random of one micro-batch comes from `rng`. Shapes: timesteps
  // [B].
  virtual Tensor SampleTimesteps(int64_t batch, const BatchRng& rng) const = 0;
  // Noise that becomes the target, and the noise that is added to the input
  // (the same unless ip_noise_gamma is set). Shapes as latents.
  struct Noise {
    Tensor target;
    Tensor input;
  };
  virtual Noise SampleNoise(const Tensor& latents,
                            const BatchRng& rng) const = 0;
  virtual Tensor AddNoise(const Tensor& latents, const Tensor& noise,
                          const Tensor& timesteps) const = 0;
  virtual Tensor Target(const Tensor& latents, const Tensor& noise,
                        const Tensor& timesteps) const = 0;
  // The loss to differentiate, a scalar in fp32: elements, mask, mean over each
  // sample, the sample's weight, timestep weights, mean over the batch
  // (sd-scripts-spec 5.4). Shapes: output and target [B, C, h, w], loss_weights
  // [B], loss_mask [B, 1, H, W] or undefined.
  virtual Tensor Loss(const Tensor& output, const Tensor& target,
                      const Tensor& timesteps, const Tensor& loss_weights,
                      const Tensor& loss_mask) const = 0;

  // Draws latents [1, C, h, w] for a preview. Samplers: Samplers().
  virtual absl::StatusOr<Tensor> Preview(Denoiser& denoiser,
                                         const PreviewRequest& request,
                                         torch::Device device) const = 0;
  virtual std::vector<std::string> Samplers() const = 0;
};

// How to load and run a model; filled by train/setup.cc from the options.
struct ModelOptions {
  std::string tokenizer_dir;  // folder with the tokenizers that deploy/setup.sh
                              // unpacked
  int clip_skip = 1;
  int max_token_length = 75;
  bool no_token_padding = false;
  DiffusionOptions diffusion;
};

struct Model {
  std::shared_ptr<Denoiser> denoiser;
  std::unique_ptr<Conditioner> conditioner;
  std::shared_ptr<AutoencoderKl> vae;
  std::unique_ptr<Recipe> recipe;
  // Tensors of the checkpoint that no module holds, by their names in the
  // original layout. Copies in host memory: saving needs no source file.
  std::map<std::string, Tensor> untouched;
  // The type that each tensor of the original layout had on disk, for saving
  // without save_precision.
  std::map<std::string, torch::ScalarType> source_dtypes;
};

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

struct Architecture {
  std::string_view name;  // the folder's, and what people type
  // Says whether a checkpoint is ours, from names and shapes alone; if so,
  // which variant, in words.
  std::optional<std::string> (*detect)(const TensorIndex& index);
  // Reads every weight into modules in fp32 on the CPU, all missing, unexpected
  // and misshapen keys in one error. `vae` replaces the checkpoint's own
  // autoencoder where it is not null.
  absl::StatusOr<Model> (*load)(const CheckpointSource& source,
                                const CheckpointSource* vae,
                                const ModelOptions& options);
  // The whole model in the original single-file layout, the untouched tensors
  // included, in the order of their names. The tensors share memory with the
  // model.
  std::vector<NamedTensor> (*export_tensors)(const Model& model);
  // modelspec.architecture and modelspec.implementation of what is saved.
  std::string_view modelspec_architecture;
  std::string_view modelspec_implementation;
  // Latent cells are this many pixels wide; bucket_reso_steps must be a
  // multiple of bucket_step_px.
  int latent_scale = 8;
  int bucket_step_px = 64;
};

// Every architecture that is compiled in, one row each.
absl::Span<const Architecture> AllArchitectures();
// Errors: INVALID_ARGUMENT, naming those that exist.
absl::StatusOr<const Architecture*> FindArchitecture(std::string_view name);

}  // namespace atelier::trainer
