#include "trainer/train/options.h"

#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "proto/cc/dataset_rules.h"
#include "proto/cc/status_macros.h"
#include "trainer/tensor/dtype.h"

namespace atelier::trainer {
namespace {

std::optional<torch::ScalarType> WeightType(const v1::RunOptions& run) {
  if (run.full_bf16()) return torch::kBFloat16;
  if (run.full_fp16()) return torch::kHalf;
  return std::nullopt;
}

void ReadUpdateOptions(const v1::RunOptions& run, LoopOptions& options) {
  options.fused_update = run.fused_backward_pass() ||
                         run.blockwise_fused_optimizers() ||
                         run.fused_optimizer_groups() > 0;
  options.clip_by_previous_norm = run.fused_clip() == "previous";
  options.weight_type = WeightType(run);
}

CaptionOptions ReadCaption(const v1::CaptionOptions& from) {
  CaptionOptions to;
  to.prefix = from.caption_prefix();
  to.suffix = from.caption_suffix();
  if (from.has_caption_separator()) to.separator = from.caption_separator();
  to.keep_tokens_separator = from.keep_tokens_separator();
  to.secondary_separator = from.secondary_separator();
  to.shuffle = from.shuffle_caption();
  to.enable_wildcard = from.enable_wildcard();
  to.keep_tokens = from.keep_tokens();
  to.dropout_rate = from.caption_dropout_rate();
  to.dropout_every_n_epochs = from.caption_dropout_every_n_epochs();
  to.tag_dropout_rate = from.caption_tag_dropout_rate();
  if (from.has_token_warmup_min())
    to.token_warmup_min = from.token_warmup_min();
  to.token_warmup_step = from.token_warmup_step();
  return to;
}

absl::StatusOr<DatasetOptions> ReadDataset(const v1::DatasetOptions& from) {
  DatasetOptions to;
  if (!from.resolution().empty()) {
    RETURN_IF_ERROR(ParseResolution(from.resolution(), &to));
  }
  if (from.has_train_batch_size()) to.batch_size = from.train_batch_size();
  to.enable_bucket = from.enable_bucket();
  if (from.has_min_bucket_reso()) to.min_bucket_reso = from.min_bucket_reso();
  if (from.has_max_bucket_reso()) to.max_bucket_reso = from.max_bucket_reso();
  if (from.has_bucket_reso_steps()) {
    to.bucket_reso_steps = from.bucket_reso_steps();
  }
  to.bucket_no_upscale = from.bucket_no_upscale();
  to.exif_orientation = from.exif_orientation();
  to.validation_split = from.validation_split();
  if (from.has_validation_seed()) to.validation_seed = from.validation_seed();
  return to;
}

}  // namespace

absl::StatusOr<LoopOptions> ReadLoopOptions(const v1::TrainingConfig& config) {
  const v1::RunOptions& run = config.run();
  LoopOptions options;
  options.max_train_steps =
      run.has_max_train_steps() ? run.max_train_steps() : 1600;
  options.max_train_epochs = run.max_train_epochs();
  options.accumulation = std::max(1, run.gradient_accumulation_steps());
  options.seed = static_cast<uint64_t>(run.seed());
  if (!run.mixed_precision().empty()) {
    ASSIGN_OR_RETURN(options.precision, ParsePrecision(run.mixed_precision()));
  }
  options.half_vae = !config.model().no_half_vae();
  options.cpu_offload_checkpointing = run.cpu_offload_checkpointing();
  options.gradient_checkpointing =
      run.gradient_checkpointing() || options.cpu_offload_checkpointing;
  options.blocks_to_swap = run.blocks_to_swap();
  ReadUpdateOptions(run, options);
  options.max_grad_norm = config.optimizer().has_max_grad_norm()
                              ? config.optimizer().max_grad_norm()
                              : 1.0;
  options.skip_nonfinite = run.on_nonfinite() == "skip";
  options.recovers_memory = run.on_oom() != "fail";
  options.device_settings.allow_tf32 =
      !run.has_allow_tf32() || run.allow_tf32();
  options.device_settings.cudnn_benchmark =
      !run.has_cudnn_benchmark() || run.cudnn_benchmark();
  if (config.optimizer().has_stop_text_encoder_training() &&
      config.optimizer().stop_text_encoder_training() >= 0) {
    options.freeze_text_encoders_at =
        config.optimizer().stop_text_encoder_training();
  }
  return options;
}

absl::StatusOr<SaveOptions> ReadSaveOptions(const v1::TrainingConfig& config) {
  const v1::OutputOptions& output = config.output();
  SaveOptions options;
  options.output_name = output.output_name();
  if (!output.save_precision().empty()) {
    ASSIGN_OR_RETURN(options.dtype, ParsePrecision(output.save_precision()));
  } else {
    options.dtype = WeightType(config.run());
  }
  options.model_as = output.save_model_as();
  options.every_n_epochs = output.save_every_n_epochs();
  options.every_n_steps = output.save_every_n_steps();
  options.last_n_epochs = output.save_last_n_epochs();
  options.last_n_steps = output.save_last_n_steps();
  options.last_n_epochs_state = output.has_save_last_n_epochs_state()
                                    ? output.save_last_n_epochs_state()
                                    : options.last_n_epochs;
  options.last_n_steps_state = output.has_save_last_n_steps_state()
                                   ? output.save_last_n_steps_state()
                                   : options.last_n_steps;
  options.save_state = output.save_state();
  options.save_state_on_train_end = output.save_state_on_train_end();
  return options;
}

PreviewOptions ReadPreviewOptions(const v1::TrainingConfig& config) {
  const v1::SampleOptions& sample = config.sample();
  PreviewOptions options;
  options.prompt_file = sample.sample_prompts();
  options.prompts.assign(sample.sample_prompt().begin(),
                         sample.sample_prompt().end());
  options.every_n_steps = sample.sample_every_n_steps();
  options.every_n_epochs = sample.sample_every_n_epochs();
  options.at_first = sample.sample_at_first();
  options.sampler = sample.sample_sampler();
  options.output_name = config.output().output_name();
  return options;
}

bool CachesTexts(const v1::TrainingConfig& config) {
  const v1::DatasetOptions& dataset = config.dataset();
  return dataset.cache_text_encoder_outputs() ||
         dataset.cache_text_encoder_outputs_to_disk() ||
         dataset.use_t5xxl_cache_only();
}

std::string EncoderOptionsText(const v1::TrainingConfig& config) {
  const v1::ModelOptions& model = config.model();
  return absl::StrCat(
      "clip_skip=", model.clip_skip(),
      " max_token_length=", model.max_token_length(),
      " t5xxl_max_token_length=", model.t5xxl_max_token_length(),
      " gemma2_max_token_length=", model.gemma2_max_token_length(),
      " apply_lg_attn_mask=", model.apply_lg_attn_mask(),
      " apply_t5_attn_mask=", model.apply_t5_attn_mask(),
      " system_prompt=", model.system_prompt());
}

absl::StatusOr<std::vector<double>> ReadBlockLearningRates(
    const v1::TrainingConfig& config, int blocks) {
  const std::string& text = config.optimizer().block_lr();
  std::vector<double> rates;
  if (text.empty()) return rates;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    double rate = 0;
    if (!absl::SimpleAtod(absl::StripAsciiWhitespace(part), &rate) ||
        !(rate >= 0 && rate <= 1000)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "block_lr has `", part, "`; must be learning rates from 0 to 1000"));
    }
    rates.push_back(rate);
  }
  if (std::ssize(rates) != blocks) {
    return absl::InvalidArgumentError(
        absl::StrCat("block_lr has ", rates.size(), " values; must have ",
                     blocks, ", separated by commas"));
  }
  return rates;
}

absl::StatusOr<DatasetRequest> ReadDatasetRequest(
    const v1::TrainingConfig& config, const Architecture& architecture) {
  const v1::DatasetOptions& dataset = config.dataset();
  DatasetRequest request;
  request.dataset_config = dataset.dataset_config();
  request.train_data_dir = dataset.train_data_dir();
  request.reg_data_dir = dataset.reg_data_dir();
  request.in_json = dataset.in_json();
  ASSIGN_OR_RETURN(request.dataset, ReadDataset(dataset));
  if (!config.caption().caption_extension().empty()) {
    request.subset.caption_extension = config.caption().caption_extension();
  }
  request.subset.flip_aug = dataset.flip_aug();
  request.subset.color_aug = dataset.color_aug();
  request.subset.random_crop = dataset.random_crop();
  request.subset.alpha_mask = dataset.alpha_mask();
  request.subset.conditioning_data_dir = dataset.conditioning_data_dir();
  if (const auto ends = ParseFaceCropRange(dataset.face_crop_aug_range());
      ends.has_value()) {
    request.subset.face_crop = FaceCropRange{ends->min, ends->max};
  }
  if (dataset.has_dataset_repeats()) {
    request.subset.num_repeats = dataset.dataset_repeats();
  }
  request.masked_loss = dataset.masked_loss();
  request.subset.resize_interpolation = dataset.resize_interpolation();
  request.subset.caption = ReadCaption(config.caption());
  request.cache_latents =
      dataset.cache_latents() || dataset.cache_latents_to_disk();
  request.bucket_step_px = architecture.bucket_step_px;
  request.latent_scale = architecture.latent_scale;
  return request;
}

std::string OptimizerName(const v1::TrainingConfig& config) {
  const v1::OptimizerOptions& optimizer = config.optimizer();
  if (optimizer.use_8bit_adam()) return "AdamW8bit";
  if (optimizer.use_lion_optimizer()) return "Lion";
  return optimizer.optimizer_type().empty() ? "AdamW"
                                            : optimizer.optimizer_type();
}

bool TrainsDenoiser(const v1::TrainingConfig& config) {
  return !config.optimizer().block_lr().empty() ||
         DenoiserLearningRate(config) > 0;
}

double DenoiserLearningRate(const v1::TrainingConfig& config) {
  return config.optimizer().has_learning_rate()
             ? config.optimizer().learning_rate()
             : 2e-6;
}

double TextEncoderLearningRate(const v1::JobSpec& spec,
                               const std::string& text_encoder) {
  const v1::TrainingConfig& config = spec.training();
  const v1::OptimizerOptions& optimizer = config.optimizer();
  const bool is_sd1_or_sd2 = spec.architecture() == v1::ARCHITECTURE_SD1 ||
                             spec.architecture() == v1::ARCHITECTURE_SD2;
  if (!is_sd1_or_sd2 && !optimizer.train_text_encoder()) return 0;
  if (text_encoder == "text_encoder3" && !optimizer.train_t5xxl()) return 0;
  if (optimizer.has_stop_text_encoder_training() &&
      optimizer.stop_text_encoder_training() < 0) {
    return 0;
  }
  if (text_encoder == "text_encoder" && optimizer.has_learning_rate_te()) {
    return optimizer.learning_rate_te();
  }
  if (text_encoder == "text_encoder1" && optimizer.has_learning_rate_te1()) {
    return optimizer.learning_rate_te1();
  }
  if (text_encoder == "text_encoder2" && optimizer.has_learning_rate_te2()) {
    return optimizer.learning_rate_te2();
  }
  if (text_encoder == "text_encoder3" && optimizer.has_learning_rate_te3()) {
    return optimizer.learning_rate_te3();
  }
  return DenoiserLearningRate(config);
}

}  // namespace atelier::trainer
