#include "trainer/train/caching.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/tensor/device.h"
#include "trainer/tensor/dtype.h"
#include "trainer/train/train_step.h"
#include "trainer/train/weights_digest.h"

namespace atelier::trainer {
namespace {

// Latents of a validation are the same whatever the run's seed is.
constexpr uint64_t kValidationSeed = 0;

// What a cached latent depends on beside its image.
std::string AutoencoderDigest(const Training& training) {
  const std::string weights = WeightsDigest(*training.model.vae, "decoder.");
  return Sha256Of(absl::StrCat(
      weights, " ",
      training.loop.half_vae ? PrecisionName(training.loop.precision) : ""));
}

// What cached outputs of text encoders depend on beside the caption: weights,
// precision, and every option of the model.
std::string TextEncodersDigest(const Training& training) {
  Sha256 digest;
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    if (!IsChosen(*encoder.module, EncoderChoice::kFrozen)) continue;
    digest.Update(encoder.name);
    digest.Update(WeightsDigest(*encoder.module));
  }
  digest.Update(PrecisionName(training.loop.precision));
  digest.Update(EncoderOptionsText(training.spec.training()));
  return digest.Finish();
}

// sd-scripts' files of this architecture.
LatentNpzFormat LatentNpzOf(const Training& training) {
  const LatentFiles& files = training.architecture->latent_files;
  const AutoencoderConfig& vae = training.model.vae->config();
  LatentNpzFormat format;
  format.suffix = std::string(files.suffix);
  format.other_suffix = std::string(files.other_suffix);
  format.has_plain_name = files.has_plain_name;
  format.has_size_keys = files.has_size_keys;
  format.channels = vae.latent_channels;
  if (files.is_scaled) {
    format.shift = vae.scaling.shift;
    format.scale = vae.scaling.scale;
  }
  return format;
}

std::optional<TextNpzFormat> TextNpzOf(const Training& training) {
  const Conditioner* const conditioner = training.model.conditioner.get();
  TextNpzFormat format;
  format.suffix = conditioner->TextFileSuffix();
  if (format.suffix.empty()) return std::nullopt;
  format.from_arrays = [conditioner](const TextArrays& arrays,
                                     const std::string& caption) {
    return conditioner->FromTextFile(arrays, caption);
  };
  format.to_arrays = [conditioner](const EncodedText& text,
                                   const std::string& caption) {
    return conditioner->ToTextFile(text, caption);
  };
  return format;
}

// How fast images were encoded.
std::string SpeedOf(const LatentCacheReport& report) {
  if (report.encoded == 0 || report.seconds <= 0) return "";
  return absl::StrFormat("; %.1f images a second, the autoencoder busy %.0f%%",
                         static_cast<double>(report.encoded) / report.seconds,
                         100 * report.encoder_seconds / report.seconds);
}

std::string SpeedOf(const TextCacheReport& /*report*/) { return ""; }

// Tells what a cache was made from. `what`: images, captions.
template <typename Report>
void TellOfCache(const Report& report, const std::string& what,
                 Reporter& reporter) {
  constexpr size_t kMostWarnings = 20;
  const size_t count = report.warnings.size();
  for (size_t i = 0; i < std::min(count, kMostWarnings); ++i) {
    reporter.Warn(report.warnings[i]);
  }
  if (count > kMostWarnings) {
    reporter.Warn(absl::StrCat("and ", count - kMostWarnings,
                               " more warnings about cache files of ", what));
  }
  if (report.taken_on_trust > 0) {
    reporter.Warn(absl::StrCat(
        report.taken_on_trust, " of ", report.encoded + report.read_from_disk,
        " ", what,
        " use npz files of sd-scripts, which hold one fixed sample of an image "
        "and do not say what they were made of; delete the files to have them "
        "made again"));
  }
  reporter.EnterPhase("caching",
                      absl::StrCat(report.encoded, " ", what, " encoded, ",
                                   report.read_from_disk, " read from disk (",
                                   report.read_from_npz,
                                   " of them from npz files)", SpeedOf(report)),
                      report.encoded + report.read_from_disk,
                      report.encoded + report.read_from_disk);
}

absl::Status CheckTextCaching(const Training& training) {
  const v1::TrainingConfig& config = training.spec.training();
  if (config.model().no_token_padding()) {
    return absl::InvalidArgumentError(
        "cache_text_encoder_outputs and no_token_padding exclude one another; "
        "leave out one of the two");
  }
  if (config.dataset().use_t5xxl_cache_only()) return absl::OkStatus();
  for (const TrainedModule& trained : training.trained) {
    if (trained.is_denoiser) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "cache_text_encoder_outputs: ", trained.name,
        " is trained, so its outputs change; leave the option out, or do not "
        "train it (for sd3, use_t5xxl_cache_only caches T5's alone)"));
  }
  return absl::OkStatus();
}

// As many as there are cores, unless so many pictures would wait for the
// encoder that memory runs short: each thread keeps two batches ready.
int CachingThreads(const v1::DatasetOptions& dataset) {
  constexpr int kMostWaitingPictures = 256;
  if (dataset.has_max_data_loader_n_workers() &&
      dataset.max_data_loader_n_workers() == 0) {
    return 0;
  }
  return std::max(
      1, kMostWaitingPictures / (2 * std::max(1, dataset.vae_batch_size())));
}

// How the latents of images are made and kept.
LatentCacheOptions LatentOptions(const Training& training, Reporter& reporter) {
  const v1::DatasetOptions& dataset = training.spec.training().dataset();
  LatentCacheOptions options;
  options.seed = training.loop.seed;
  options.vae_batch_size = std::max(1, dataset.vae_batch_size());
  options.threads = CachingThreads(dataset);
  options.to_disk = dataset.cache_latents_to_disk();
  options.skip_check = dataset.skip_cache_check();
  options.skip_corrupt_images = dataset.skip_corrupt_images();
  options.latent_scale = training.architecture->latent_scale;
  if (options.to_disk) {
    options.encoder_digest = AutoencoderDigest(training);
    options.npz = LatentNpzOf(training);
    options.writes_npz = dataset.cache_format() == "npz";
  }
  options.progress = [&reporter](int64_t done, int64_t total) {
    return reporter.Progress(done, total);
  };
  return options;
}

using EncodeIndex = std::function<absl::StatusOr<std::unique_ptr<LatentCache>>(
    const DatasetIndex& index, const BucketLayout& layout,
    const LatentCacheOptions& options)>;

absl::Status CacheValidationLatents(Training& training, Reporter& reporter,
                                    const EncodeIndex& encode) {
  if (training.validation_index.images.empty()) return absl::OkStatus();
  reporter.EnterPhase("caching", "latents of held-out images");
  LatentCacheOptions options = LatentOptions(training, reporter);
  options.seed = kValidationSeed;
  ASSIGN_OR_RETURN(
      training.validation,
      ValidationSet::Make(
          training.index, training.validation_index,
          [&](const DatasetIndex& index, const BucketLayout& layout) {
            return encode(index, layout, options);
          }));
  return absl::OkStatus();
}

}  // namespace

absl::Status CacheLatents(Training& training, Reporter& reporter) {
  const TrainStep step(training.model, training.device, training.loop);
  const auto encode = [&](const DatasetIndex& index, const BucketLayout& layout,
                          const LatentCacheOptions& options) {
    return LatentCache::Make(
        index, layout, options,
        [&](const Tensor& images) -> absl::StatusOr<Tensor> {
          return step.Encode(images);
        });
  };
  RETURN_IF_ERROR(CacheValidationLatents(training, reporter, encode));
  const v1::DatasetOptions& dataset = training.spec.training().dataset();
  if (!dataset.cache_latents() && !dataset.cache_latents_to_disk()) {
    return absl::OkStatus();
  }
  reporter.EnterPhase("caching", "latents");
  ASSIGN_OR_RETURN(training.latents, encode(training.index, training.layout,
                                            LatentOptions(training, reporter)));
  TellOfCache(training.latents->report(), "images", reporter);
  training.host_weights.Release(*training.model.vae);
  return absl::OkStatus();
}

absl::Status CacheTexts(Training& training, Reporter& reporter) {
  if (!CachesTexts(training.spec.training())) return absl::OkStatus();
  RETURN_IF_ERROR(CheckTextCaching(training));
  const v1::DatasetOptions& dataset = training.spec.training().dataset();
  reporter.EnterPhase("caching", "text encoder outputs");
  ASSIGN_OR_RETURN(std::vector<FixedCaption> captions,
                   FixedCaptions(training.index));
  if (training.validation != nullptr) {
    RETURN_IF_ERROR(AddCaptions(*training.validation, captions));
  }
  TextCacheOptions options;
  options.batch_size = dataset.has_text_encoder_batch_size()
                           ? dataset.text_encoder_batch_size()
                           : std::max(1, dataset.train_batch_size());
  options.to_disk = dataset.cache_text_encoder_outputs_to_disk();
  if (options.to_disk) {
    options.encoder_digest = TextEncodersDigest(training);
    options.npz = TextNpzOf(training);
    options.writes_npz = dataset.cache_format() == "npz";
    options.skip_check = dataset.skip_cache_check();
  }
  options.progress = [&](int64_t done, int64_t total) {
    return reporter.Progress(done, total);
  };
  const TrainStep step(training.model, training.device, training.loop);
  ASSIGN_OR_RETURN(training.texts,
                   TextCache::Make(captions, options,
                                   [&](absl::Span<const std::string> batch)
                                       -> absl::StatusOr<EncodedText> {
                                     return step.EncodeFrozen(batch);
                                   }));
  TellOfCache(training.texts->report(), "captions", reporter);
  return absl::OkStatus();
}

void ReleaseTextEncoders(Training& training) {
  if (training.texts == nullptr) return;
  training.model.conditioner->ReleaseFrozen();
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    if (IsChosen(*encoder.module, EncoderChoice::kFrozen)) {
      training.host_weights.Release(*encoder.module);
    }
  }
}

}  // namespace atelier::trainer
