#include "trainer/train/caching.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/tensor/device.h"
#include "trainer/tensor/dtype.h"
#include "trainer/train/train_step.h"

namespace atelier::trainer {
namespace {

void AddWeights(const torch::nn::Module& module, absl::string_view left_out,
                Sha256& digest) {
  for (const auto& item : module.named_parameters()) {
    if (!left_out.empty() && absl::StartsWith(item.key(), left_out)) continue;
    const Tensor weights = item.value().detach().cpu().contiguous();
    digest.Update(item.key());
    digest.Update(
        {static_cast<const char*>(weights.const_data_ptr()), weights.nbytes()});
  }
}

// What a cached latent depends on beside its image.
std::string AutoencoderDigest(const Training& training) {
  Sha256 digest;
  AddWeights(*training.model.vae, "decoder.", digest);
  if (training.loop.half_vae) {
    digest.Update(PrecisionName(training.loop.precision));
  }
  return digest.Finish();
}

// What cached outputs of text encoders depend on beside the caption: weights,
// precision, and every option of the model.
std::string TextEncodersDigest(const Training& training) {
  Sha256 digest;
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    if (!IsChosen(*encoder.module, EncoderChoice::kFrozen)) continue;
    digest.Update(encoder.name);
    AddWeights(*encoder.module, "", digest);
  }
  digest.Update(PrecisionName(training.loop.precision));
  digest.Update(EncoderOptionsText(training.spec.training()));
  return digest.Finish();
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

}  // namespace

absl::Status CacheLatents(Training& training, Reporter& reporter) {
  const v1::DatasetOptions& dataset = training.spec.training().dataset();
  if (!dataset.cache_latents() && !dataset.cache_latents_to_disk()) {
    return absl::OkStatus();
  }
  reporter.EnterPhase("caching", "latents");
  const TrainStep step(training.model, training.device, training.loop);
  LatentCacheOptions options;
  options.seed = training.loop.seed;
  options.vae_batch_size = std::max(1, dataset.vae_batch_size());
  options.threads = dataset.max_data_loader_n_workers();
  options.to_disk = dataset.cache_latents_to_disk();
  options.skip_check = dataset.skip_cache_check();
  options.latent_scale = training.architecture->latent_scale;
  if (options.to_disk) options.encoder_digest = AutoencoderDigest(training);
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
  MoveModule(*training.model.vae, torch::kCPU);
  return absl::OkStatus();
}

absl::Status CacheTexts(Training& training, Reporter& reporter) {
  if (!CachesTexts(training.spec.training())) return absl::OkStatus();
  RETURN_IF_ERROR(CheckTextCaching(training));
  const v1::DatasetOptions& dataset = training.spec.training().dataset();
  reporter.EnterPhase("caching", "text encoder outputs");
  ASSIGN_OR_RETURN(const std::vector<FixedCaption> captions,
                   FixedCaptions(training.index));
  TextCacheOptions options;
  options.batch_size = dataset.has_text_encoder_batch_size()
                           ? dataset.text_encoder_batch_size()
                           : std::max(1, dataset.train_batch_size());
  options.to_disk = dataset.cache_text_encoder_outputs_to_disk();
  if (options.to_disk) options.encoder_digest = TextEncodersDigest(training);
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
  for (const std::string& warning : training.texts->report().warnings) {
    reporter.Warn(warning);
  }
  return absl::OkStatus();
}

void ReleaseTextEncoders(Training& training) {
  if (training.texts == nullptr) return;
  training.model.conditioner->ReleaseFrozen();
  for (const TextEncoder& encoder :
       training.model.conditioner->TextEncoders()) {
    if (IsChosen(*encoder.module, EncoderChoice::kFrozen)) {
      MoveModule(*encoder.module, torch::kCPU);
    }
  }
}

}  // namespace atelier::trainer
