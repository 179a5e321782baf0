// The job's options in the form that each layer takes; the only reader of
// TrainingConfig in the tensor half, with setup.cc. A new option of a layer
// gets its line in options.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "atelier/v1/job_spec.pb.h"
#include "atelier/v1/training_config.pb.h"
#include "trainer/architectures/architecture.h"
#include "trainer/data/dataset_config.h"
#include "trainer/optim/lr_schedule.h"
#include "trainer/tensor/device_settings.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Of the loop itself.
struct LoopOptions {
  int64_t max_train_steps = 0;
  int64_t max_train_epochs = 0;  // 0: max_train_steps counts
  int64_t accumulation = 1;
  uint64_t seed = 0;
  torch::ScalarType precision = torch::kFloat32;  // of the forward pass
  bool half_vae = false;  // the autoencoder computes in `precision` too
  bool gradient_checkpointing = false;
  bool cpu_offload_checkpointing = false;
  int64_t blocks_to_swap = 0;
  bool fused_update = false;  // weights change during the backward pass
  // A fused update clips by the norm of the step before.
  bool clip_by_previous_norm = false;
  // Of the weights that are trained; none: fp32.
  std::optional<torch::ScalarType> weight_type;
  double max_grad_norm = 0;
  bool skip_nonfinite = false;
  // A step that a device has no memory for is repeated with less of it.
  bool recovers_memory = true;
  DeviceSettings device_settings;
  // The step before which text encoders are frozen; none: never.
  std::optional<int64_t> freeze_text_encoders_at;
};

// Of checkpoints and training states. 0 stands for "never" and "all".
struct SaveOptions {
  std::string output_name;
  std::optional<torch::ScalarType> dtype;  // none: as the source has it
  std::string model_as;  // save_model_as; empty: as the source
  int64_t every_n_epochs = 0;
  int64_t every_n_steps = 0;
  int64_t last_n_epochs = 0;
  int64_t last_n_steps = 0;
  int64_t last_n_epochs_state = 0;
  int64_t last_n_steps_state = 0;
  bool save_state = false;
  bool save_state_on_train_end = false;
};

// Of previews. 0 stands for "never".
struct PreviewOptions {
  std::string prompt_file;
  std::vector<std::string> prompts;
  int64_t every_n_steps = 0;
  int64_t every_n_epochs = 0;
  bool at_first = false;
  std::string sampler;
  std::string output_name;
};

// Errors: INVALID_ARGUMENT naming the option, as validation at submission would
// have had it.
absl::StatusOr<LoopOptions> ReadLoopOptions(const v1::TrainingConfig& config);
absl::StatusOr<SaveOptions> ReadSaveOptions(const v1::TrainingConfig& config);
PreviewOptions ReadPreviewOptions(const v1::TrainingConfig& config);
absl::StatusOr<ModelOptions> ReadModelOptions(const v1::JobSpec& spec);
// Whether outputs of text encoders are cached.
bool CachesTexts(const v1::TrainingConfig& config);
// Every option that the outputs of text encoders depend on, as text.
std::string EncoderOptionsText(const v1::TrainingConfig& config);
// Values of block_lr; empty where it is not given. `blocks`: how many there
// must be.
absl::StatusOr<std::vector<double>> ReadBlockLearningRates(
    const v1::TrainingConfig& config, int blocks);
absl::StatusOr<DatasetRequest> ReadDatasetRequest(
    const v1::TrainingConfig& config, const Architecture& architecture);
LrScheduleOptions ReadLrScheduleOptions(const v1::TrainingConfig& config,
                                        int64_t total_steps);

// The update rule by name, with what older options stand for.
std::string OptimizerName(const v1::TrainingConfig& config);
// Whether anything of the denoiser is trained.
bool TrainsDenoiser(const v1::TrainingConfig& config);
// Of the denoiser, and of the text encoder of this name; 0: not trained.
double DenoiserLearningRate(const v1::TrainingConfig& config);
double TextEncoderLearningRate(const v1::JobSpec& spec,
                               const std::string& text_encoder);

}  // namespace atelier::trainer
