// From a resolved job to everything that its training needs: model, data,
// optimizer, lengths.
#pragma once

#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "atelier/v1/job_spec.pb.h"
#include "trainer/architectures/architecture.h"
#include "trainer/cuda/cuda_loader.h"
#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"
#include "trainer/data/latent_cache.h"
#include "trainer/data/mask_cache.h"
#include "trainer/data/text_cache.h"
#include "trainer/job/stop_token.h"
#include "trainer/optim/ema.h"
#include "trainer/optim/lr_schedule.h"
#include "trainer/optim/optimizer.h"
#include "trainer/train/host_weights.h"
#include "trainer/train/oom_relief.h"
#include "trainer/train/options.h"
#include "trainer/train/reporter.h"
#include "trainer/train/run_job.h"
#include "trainer/train/validation_options.h"
#include "trainer/train/validation_set.h"

namespace atelier::trainer {

// A module whose weights change. Its parameters are in the optimizer group of
// its name, or, with block_lr, in groups `<name>.block00` and so on.
struct TrainedModule {
  std::string name;  // `unet`, `text_encoder`
  std::shared_ptr<torch::nn::Module> module;
  bool is_denoiser = false;
};

// The main checkpoint in Training::source_digests.
inline constexpr char kMainSource[] = "pretrained_model_name_or_path";

// How long the run is.
struct RunLength {
  int64_t batches_per_epoch = 0;
  int64_t steps_per_epoch = 0;
  int64_t total_steps = 0;
  int64_t total_epochs = 0;
};

struct Training {
  v1::JobSpec spec;
  LoopOptions loop;
  SaveOptions save;
  PreviewOptions preview;
  ValidationOptions validate;
  OnOverfit on_overfit = OnOverfit::kWarn;
  GuardOptions guard;
  MemoryRelief relief;  // what the loop's options have changed to since
  bool loss_ledger = true;

  const Architecture* architecture = nullptr;
  torch::Device device = torch::kCPU;
  std::string device_settings;  // what was set, for people; empty on the CPU
  Model model;
  HostWeights host_weights;  // of the parts of the model that are not trained
  // modelspec.thumbnail, a data URL; may be empty.
  std::string thumbnail;
  // SHA-256 of the main checkpoint and of every component given on its own, by
  // option; computed beside the first steps.
  std::shared_future<absl::StatusOr<std::map<std::string, std::string>>>
      source_digests;

  DatasetIndex index;
  BucketLayout layout;
  // Of the images that are held out of training; without any, both are empty.
  DatasetIndex validation_index;
  BucketLayout validation_layout;
  std::unique_ptr<LatentCache>
      latents;                       // null: images are encoded as they come
  std::unique_ptr<MaskCache> masks;  // null: masks are read with the images
  std::unique_ptr<TextCache> texts;  // null: captions are
  std::unique_ptr<ValidationSet> validation;  // null: nothing is held out

  std::vector<TrainedModule>
      trained;                   // the denoiser first, where it is trained
  std::set<std::string> frozen;  // names of those that are trained no more
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Ema> ema;                      // null: no averages are kept
  std::map<std::string, double> learning_rates;  // by optimizer group
  RunLength length;
  std::unique_ptr<LrSchedule> schedule;
};

// Everything up to the model and the scanned dataset. Nothing is written.
// `open_device` null: OpenDevice.
//
// Errors: NOT_FOUND, INVALID_ARGUMENT, DATA_LOSS for checkpoint and dataset;
// CANCELLED when asked to stop. Throws: what LibTorch throws.
absl::StatusOr<std::unique_ptr<Training>> SetUpTraining(
    const v1::JobSpec& spec, const std::string& tokenizer_dir,
    Reporter& reporter, DeviceOpener open_device = nullptr);

// Steps of an epoch and of the run: ceil(batches / accumulation) a epoch.
RunLength MakeRunLength(int64_t batches_per_epoch, const LoopOptions& loop);

}  // namespace atelier::trainer
