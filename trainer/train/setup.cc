#include "trainer/train/setup.h"

#include <sys/resource.h>

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "trainer/cuda/cuda_loader.h"
#include "trainer/data/held_out.h"
#include "trainer/train/hooks/checkpoint_files.h"
#include "trainer/train/hooks/checkpoint_names.h"
#include "trainer/train/model_spec.h"
#include "trainer/train/optimizer_setup.h"
#include "trainer/train/placement.h"
#include "trainer/train/weight_format.h"

namespace atelier::trainer {
namespace {

constexpr int kDigestPriority = 15;

absl::StatusOr<const Architecture*> ChooseArchitecture(
    const v1::JobSpec& spec) {
  const std::string name = absl::AsciiStrToLower(absl::StripPrefix(
      v1::Architecture_Name(spec.architecture()), "ARCHITECTURE_"));
  return FindArchitecture(name);
}

absl::StatusOr<ModelSources> OpenComponents(const v1::ModelOptions& model) {
  const std::pair<const char*, const std::string*> given[] = {
      {"vae", &model.vae()},       {"ae", &model.ae()},
      {"clip_l", &model.clip_l()}, {"clip_g", &model.clip_g()},
      {"t5xxl", &model.t5xxl()},   {"gemma2", &model.gemma2()}};
  ModelSources sources;
  for (const auto& [option, path] : given) {
    if (path->empty()) continue;
    absl::StatusOr<std::unique_ptr<CheckpointSource>> source =
        OpenCheckpoint(*path);
    if (!source.ok()) return AddContext(source.status(), option);
    sources.components[option] = *std::move(source);
  }
  return sources;
}

// sqrt(w * h) of each resolution of the dataset in latent cells, ascending.
std::vector<int64_t> LatentSides(const Training& training) {
  std::set<int64_t> sides;
  for (const DatasetOptions& dataset : training.index.config.datasets) {
    const double pixels = static_cast<double>(dataset.width) * dataset.height;
    sides.insert(std::lround(std::sqrt(pixels)) /
                 training.architecture->latent_scale);
  }
  return {sides.begin(), sides.end()};
}

absl::StatusOr<std::map<std::string, std::string>> DigestSources(
    const CheckpointSource& main,
    const std::map<std::string, std::unique_ptr<CheckpointSource>>&
        components) {
  std::map<std::string, std::string> digests;
  ASSIGN_OR_RETURN(digests[kMainSource], main.Digest());
  for (const auto& [option, source] : components) {
    ASSIGN_OR_RETURN(digests[option], source->Digest());
  }
  return digests;
}

absl::Status LoadModel(Training& training, const std::string& tokenizer_dir) {
  const v1::ModelOptions& model = training.spec.training().model();
  ASSIGN_OR_RETURN(std::unique_ptr<CheckpointSource> source,
                   OpenCheckpoint(model.pretrained_model_name_or_path()));
  ASSIGN_OR_RETURN(ModelOptions options, ReadModelOptions(training.spec));
  options.tokenizer_dir = tokenizer_dir;
  options.latent_sides = LatentSides(training);
  ASSIGN_OR_RETURN(ModelSources sources, OpenComponents(model));
  sources.main = source.get();
  sources.keeps_types = true;
  ASSIGN_OR_RETURN(training.model,
                   training.architecture->load(sources, options));
  // The sources are closed with the digests: their pages are the run's memory
  // too.
  auto digest = [main = std::move(source),
                 components = std::move(sources.components)] {
    // Of this thread alone: the first steps go before.
    setpriority(PRIO_PROCESS, 0, kDigestPriority);
    return DigestSources(*main, components);
  };
  training.source_digests =
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
  options.seed = training.loop.seed;
  options.progress = [&](int64_t done, int64_t total) {
    return reporter.Progress(done, total);
  };
  ASSIGN_OR_RETURN(training.index, ScanDataset(dataset, options));
  for (const auto& warnings :
       {training.index.config.warnings, training.index.warnings}) {
    for (const std::string& warning : warnings) reporter.Warn(warning);
  }
  training.layout = MakeBuckets(training.index);
  training.validation_index = HeldOutIndex(training.index);
  training.validation_layout = MakeBuckets(training.validation_index);
  if (!training.index.held_out.empty()) {
    reporter.EnterPhase("scanning",
                        absl::StrCat(training.index.held_out.size(),
                                     " images are held out of training"));
  }
  BucketsMade report = ReportBuckets(training.index, training.layout);
  training.length = MakeRunLength(report.batches_per_epoch, training.loop);
  reporter.Send(std::move(report));
  return absl::OkStatus();
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
    Reporter& reporter, DeviceOpener open_device) {
  auto training = std::make_unique<Training>();
  training->spec = spec;
  ASSIGN_OR_RETURN(training->loop, ReadLoopOptions(spec.training()));
  ASSIGN_OR_RETURN(training->save, ReadSaveOptions(spec.training()));
  training->preview = ReadPreviewOptions(spec.training());
  training->validate = ReadValidationOptions(spec.training());
  training->on_overfit = ReadOnOverfit(spec.training());
  training->guard = ReadGuardOptions(spec.training());
  const v1::RunOptions& run = spec.training().run();
  training->loss_ledger = !run.has_loss_ledger() || run.loss_ledger();
  ASSIGN_OR_RETURN(training->architecture, ChooseArchitecture(spec));
  ASSIGN_OR_RETURN(training->save.model_as, ChooseCheckpointForm(*training));
  ASSIGN_OR_RETURN(
      training->thumbnail,
      ReadThumbnail(spec.training().metadata().metadata_thumbnail()));
  const std::string& device = spec.training().run().device();
  ASSIGN_OR_RETURN(const DeviceRequest request,
                   ParseDevice(device.empty() ? "auto" : device));
  ASSIGN_OR_RETURN(
      const OpenedDevice opened,
      (open_device == nullptr ? OpenDevice : open_device)(request));
  training->device = opened.device;
  training->device_settings =
      ApplyDeviceSettings(training->loop.device_settings, training->device);
  RETURN_IF_ERROR(ScanImages(*training, reporter));
  const v1::OutputOptions& output = spec.training().output();
  if (output.has_save_n_epoch_ratio()) {
    training->save.every_n_epochs = EpochsBetweenSaves(
        training->length.total_epochs, output.save_n_epoch_ratio());
  }
  reporter.EnterPhase(
      "loading",
      absl::StrCat(
          opened.description, training->device_settings.empty() ? "" : "; ",
          training->device_settings, "; attention: ",
          ChooseAttentionKernel(*training, opened.compute_capability)));
  RETURN_IF_ERROR(LoadModel(*training, tokenizer_dir));
  for (const std::string& warning : training->model.warnings) {
    reporter.Warn(warning);
  }
  SettleWeights(*training);
  RETURN_IF_ERROR(PlaceModel(*training));
  RETURN_IF_ERROR(MakeTrainingOptimizer(*training));
  if (EmaOptions ema = ReadEmaOptions(spec.training()); !ema.decays.empty()) {
    training->ema = std::make_unique<Ema>(training->optimizer->groups(), ema);
  }
  if (const std::string how = training->optimizer->Describe(); !how.empty()) {
    reporter.EnterPhase("loading", how);
  }
  return training;
}

}  // namespace atelier::trainer
