#include "trainer/train/setup.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/cuda/cuda_loader.h"
#include "trainer/optim/registry.h"
#include "trainer/tensor/dtype.h"
#include "trainer/train/train_step.h"

namespace atelier::trainer {
namespace {

absl::StatusOr<const Architecture*> ChooseArchitecture(
    const v1::JobSpec& spec) {
  const std::string name = absl::AsciiStrToLower(absl::StripPrefix(
      v1::Architecture_Name(spec.architecture()), "ARCHITECTURE_"));
  return FindArchitecture(name);
}

absl::Status LoadModel(Training& training, const std::string& tokenizer_dir) {
  const v1::ModelOptions& model = training.spec.training().model();
  ASSIGN_OR_RETURN(std::unique_ptr<CheckpointSource> source,
                   OpenCheckpoint(model.pretrained_model_name_or_path()));
  ASSIGN_OR_RETURN(ModelOptions options,
                   ReadModelOptions(training.spec.training()));
  options.tokenizer_dir = tokenizer_dir;
  std::unique_ptr<CheckpointSource> vae;
  if (!model.vae().empty()) {
    ASSIGN_OR_RETURN(vae, OpenCheckpoint(model.vae()));
  }
  ASSIGN_OR_RETURN(training.model,
                   training.architecture->load(*source, vae.get(), options));
  // The source is closed with the digest: its pages are the run's memory too.
  auto digest = [source = std::move(source)] { return source->Digest(); };
  training.source_digest =
      std::async(std::launch::async, std::move(digest)).share();
  return absl::OkStatus();
}

absl::Status ScanImages(Training& training, Reporter& reporter) {
  const v1::TrainingConfig& config = training.spec.training();
  reporter.EnterPhase("scanning");
  ASSIGN_OR_RETURN(const DatasetRequest request,
                   ReadDatasetRequest(config, *training.architecture));
  ASSIGN_OR_RETURN(const DatasetConfig dataset, ReadDatasetConfig(request));
  ScanOptions options;
  if (config.dataset().has_prior_loss_weight()) {
    options.prior_loss_weight = config.dataset().prior_loss_weight();
  }
  options.skip_corrupt_images = config.dataset().skip_corrupt_images();
  options.progress = [&](int64_t done, int64_t total) {
    return reporter.Progress(done, total);
  };
  ASSIGN_OR_RETURN(training.index, ScanDataset(dataset, options));
  for (const auto& warnings :
       {training.index.config.warnings, training.index.warnings}) {
    for (const std::string& warning : warnings) reporter.Warn(warning);
  }
  training.layout = MakeBuckets(training.index);
  BucketsMade report = ReportBuckets(training.index, training.layout);
  training.length = MakeRunLength(report.batches_per_epoch, training.loop);
  reporter.Send(std::move(report));
  return absl::OkStatus();
}

void ChooseTrainedModules(Training& training) {
  const v1::TrainingConfig& config = training.spec.training();
  if (DenoiserLearningRate(config) > 0) {
    training.trained.push_back(
        {"unet", training.model.denoiser, DenoiserLearningRate(config)});
  }
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    const double lr = TextEncoderLearningRate(config, encoder.name);
    if (lr > 0) training.trained.push_back({encoder.name, encoder.module, lr});
  }
}

absl::Status MakeTrainingOptimizer(Training& training) {
  const v1::OptimizerOptions& options = training.spec.training().optimizer();
  ChooseTrainedModules(training);
  if (training.trained.empty()) {
    return absl::InvalidArgumentError(
        "nothing is trained: learning_rate and the learning rate of the text "
        "encoder are both 0");
  }
  const std::optional<int64_t>& freeze = training.loop.freeze_text_encoders_at;
  if (training.trained.front().name != "unet" && freeze.has_value() &&
      *freeze < training.length.total_steps) {
    return absl::InvalidArgumentError(
        absl::StrCat("learning_rate is 0, so nothing is trained after "
                     "stop_text_encoder_training, step ",
                     *freeze, " of ", training.length.total_steps));
  }
  std::vector<ParameterGroup> groups;
  for (const TrainedModule& trained : training.trained) {
    ParameterGroup group;
    group.name = trained.name;
    for (const auto& item : trained.module->named_parameters()) {
      Tensor parameter = item.value();
      parameter.set_requires_grad(true);
      group.parameters.push_back(
          {absl::StrCat(trained.name, ".", item.key()), parameter});
    }
    groups.push_back(std::move(group));
  }
  const std::vector<std::string> arguments(options.optimizer_args().begin(),
                                           options.optimizer_args().end());
  const std::string kind =
      options.optimizer_type().empty() ? "AdamW" : options.optimizer_type();
  ASSIGN_OR_RETURN(training.optimizer,
                   MakeOptimizer(kind, arguments, std::move(groups)));
  ASSIGN_OR_RETURN(LrSchedule schedule,
                   LrSchedule::Make(ReadLrScheduleOptions(
                       training.spec.training(), training.length.total_steps)));
  training.schedule = std::make_unique<LrSchedule>(std::move(schedule));
  return absl::OkStatus();
}

void MoveToDevice(Training& training) {
  training.model.denoiser->to(training.device);
  training.model.vae->to(training.device);
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    encoder.module->to(training.device);
  }
  training.model.denoiser->SetGradientCheckpointing(
      training.loop.gradient_checkpointing);
  training.model.conditioner->SetGradientCheckpointing(
      training.loop.gradient_checkpointing);
}

// What a cached latent depends on beside its image.
std::string EncoderDigest(const Training& training) {
  Sha256 digest;
  const torch::NoGradGuard no_grad;
  for (const auto& item : training.model.vae->named_parameters()) {
    if (absl::StartsWith(item.key(), "decoder.")) continue;
    const Tensor weights = item.value().cpu().contiguous();
    digest.Update(item.key());
    digest.Update(
        {static_cast<const char*>(weights.const_data_ptr()), weights.nbytes()});
  }
  if (training.loop.half_vae) {
    digest.Update(PrecisionName(training.loop.precision));
  }
  return digest.Finish();
}

}  // namespace

RunLength MakeRunLength(int64_t batches_per_epoch, const LoopOptions& loop) {
  RunLength length;
  length.batches_per_epoch = batches_per_epoch;
  length.steps_per_epoch =
      (batches_per_epoch + loop.accumulation - 1) / loop.accumulation;
  length.total_steps = loop.max_train_epochs > 0
                           ? loop.max_train_epochs * length.steps_per_epoch
                           : loop.max_train_steps;
  length.total_epochs = (length.total_steps + length.steps_per_epoch - 1) /
                        length.steps_per_epoch;
  return length;
}

absl::StatusOr<std::unique_ptr<Training>> SetUpTraining(
    const v1::JobSpec& spec, const std::string& tokenizer_dir,
    Reporter& reporter) {
  auto training = std::make_unique<Training>();
  training->spec = spec;
  ASSIGN_OR_RETURN(training->loop, ReadLoopOptions(spec.training()));
  ASSIGN_OR_RETURN(training->save, ReadSaveOptions(spec.training()));
  training->preview = ReadPreviewOptions(spec.training());
  ASSIGN_OR_RETURN(training->architecture, ChooseArchitecture(spec));
  const std::string& device = spec.training().run().device();
  ASSIGN_OR_RETURN(const DeviceRequest request,
                   ParseDevice(device.empty() ? "auto" : device));
  ASSIGN_OR_RETURN(const OpenedDevice opened, OpenDevice(request));
  training->device = opened.device;
  RETURN_IF_ERROR(ScanImages(*training, reporter));
  reporter.EnterPhase("loading", opened.description);
  RETURN_IF_ERROR(LoadModel(*training, tokenizer_dir));
  MoveToDevice(*training);
  RETURN_IF_ERROR(MakeTrainingOptimizer(*training));
  return training;
}

absl::Status CacheLatents(Training& training, Reporter& reporter) {
  const v1::DatasetOptions& dataset = training.spec.training().dataset();
  if (!dataset.cache_latents() && !dataset.cache_latents_to_disk()) {
    return absl::OkStatus();
  }
  reporter.EnterPhase("caching");
  const TrainStep step(training.model, training.device, training.loop);
  LatentCacheOptions options;
  options.seed = training.loop.seed;
  options.vae_batch_size = std::max(1, dataset.vae_batch_size());
  options.threads = dataset.max_data_loader_n_workers();
  options.to_disk = dataset.cache_latents_to_disk();
  options.skip_check = dataset.skip_cache_check();
  options.latent_scale = training.architecture->latent_scale;
  if (options.to_disk) options.encoder_digest = EncoderDigest(training);
  options.progress = [&](int64_t done, int64_t total) {
    return reporter.Progress(done, total);
  };
  ASSIGN_OR_RETURN(
      training.latents,
      LatentCache::Make(training.index, training.layout, options,
                        [&](const Tensor& images) -> absl::StatusOr<Tensor> {
                          return step.Encode(images);
                        }));
  for (const std::string& warning : training.latents->report().warnings) {
    reporter.Warn(warning);
  }
  return absl::OkStatus();
}

}  // namespace atelier::trainer
