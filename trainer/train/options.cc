#include "trainer/train/options.h"

#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "proto/cc/status_macros.h"
#include "trainer/tensor/dtype.h"

namespace atelier::trainer {
namespace {

absl::StatusOr<LossType> ReadLossType(const std::string& name) {
  if (name.empty() || name == "l2") return LossType::kL2;
  if (name == "l1") return LossType::kL1;
  if (name == "huber") return LossType::kHuber;
  if (name == "smooth_l1") return LossType::kSmoothL1;
  return absl::InvalidArgumentError(absl::StrCat(
      "loss_type is ", name, "; must be l2, l1, huber or smooth_l1"));
}

absl::StatusOr<HuberSchedule> ReadHuberSchedule(const std::string& name) {
  if (name.empty() || name == "snr") return HuberSchedule::kSnr;
  if (name == "constant") return HuberSchedule::kConstant;
  if (name == "exponential") return HuberSchedule::kExponential;
  return absl::InvalidArgumentError(absl::StrCat(
      "huber_schedule is ", name, "; must be constant, exponential or snr"));
}

absl::StatusOr<DiffusionOptions> ReadDiffusion(
    const v1::TrainingConfig& config) {
  const v1::LossOptions& loss = config.loss();
  DiffusionOptions options;
  if (config.model().v_parameterization()) {
    options.prediction_type = PredictionType::kVelocity;
  }
  options.zero_terminal_snr = loss.zero_terminal_snr();
  options.scale_v_pred_loss_like_noise_pred =
      loss.scale_v_pred_loss_like_noise_pred();
  options.v_pred_like_loss = loss.v_pred_like_loss();
  ASSIGN_OR_RETURN(options.loss_type, ReadLossType(loss.loss_type()));
  ASSIGN_OR_RETURN(options.huber_schedule,
                   ReadHuberSchedule(loss.huber_schedule()));
  if (loss.has_huber_c()) options.huber_c = loss.huber_c();
  if (loss.has_huber_scale()) options.huber_scale = loss.huber_scale();
  options.min_timestep = loss.min_timestep();
  if (loss.has_max_timestep()) options.max_timestep = loss.max_timestep();
  options.noise_offset = loss.noise_offset();
  options.noise_offset_random_strength = loss.noise_offset_random_strength();
  options.adaptive_noise_scale = loss.adaptive_noise_scale();
  options.multires_noise_iterations = loss.multires_noise_iterations();
  if (loss.has_multires_noise_discount()) {
    options.multires_noise_discount = loss.multires_noise_discount();
  }
  options.ip_noise_gamma = loss.ip_noise_gamma();
  options.ip_noise_gamma_random_strength =
      loss.ip_noise_gamma_random_strength();
  options.min_snr_gamma = loss.min_snr_gamma();
  options.debiased_estimation_loss = loss.debiased_estimation_loss();
  return options;
}

// `weighting_scheme` names both a density of noise levels and a loss weight.
void ReadWeightingScheme(const std::string& name, FlowOptions* options) {
  if (name == "logit_normal") {
    options->timesteps.density = FlowDensity::kLogitNormal;
  } else if (name == "mode") {
    options->timesteps.density = FlowDensity::kMode;
  } else if (name == "sigma_sqrt") {
    options->weighting = FlowWeighting::kSigmaSqrt;
  } else if (name == "cosmap") {
    options->weighting = FlowWeighting::kCosmap;
  }
}

absl::StatusOr<FlowSampling> ReadTimestepSampling(v1::Architecture architecture,
                                                  const std::string& name) {
  const bool is_lumina = architecture == v1::ARCHITECTURE_LUMINA2;
  if (architecture == v1::ARCHITECTURE_SD3) return FlowSampling::kDensity;
  if (name.empty())
    return is_lumina ? FlowSampling::kShift : FlowSampling::kSigma;
  if (name == "sigma") return FlowSampling::kSigma;
  if (name == "uniform") return FlowSampling::kUniform;
  if (name == "sigmoid") return FlowSampling::kSigmoid;
  if (name == "shift") return FlowSampling::kShift;
  if (name == "flux_shift") return FlowSampling::kFluxShift;
  if (name == "nextdit_shift" && is_lumina) return FlowSampling::kNextditShift;
  return absl::InvalidArgumentError(absl::StrCat(
      "timestep_sampling is ", name,
      "; must be sigma, uniform, sigmoid, shift, flux_shift or, for lumina2, "
      "nextdit_shift"));
}

absl::StatusOr<FlowPrediction> ReadFlowPrediction(const std::string& name) {
  if (name.empty() || name == "raw") return FlowPrediction::kRaw;
  if (name == "additive") return FlowPrediction::kAdditive;
  if (name == "sigma_scaled") return FlowPrediction::kSigmaScaled;
  return absl::InvalidArgumentError(
      absl::StrCat("model_prediction_type is ", name,
                   "; must be raw, additive or sigma_scaled"));
}

absl::StatusOr<FlowOptions> ReadFlow(const v1::JobSpec& spec) {
  const v1::LossOptions& loss = spec.training().loss();
  FlowOptions options;
  FlowTimestepOptions& timesteps = options.timesteps;
  ASSIGN_OR_RETURN(
      timesteps.sampling,
      ReadTimestepSampling(spec.architecture(), loss.timestep_sampling()));
  ASSIGN_OR_RETURN(options.prediction,
                   ReadFlowPrediction(loss.model_prediction_type()));
  ReadWeightingScheme(loss.weighting_scheme(), &options);
  timesteps.logit_mean = loss.logit_mean();
  if (loss.has_logit_std()) timesteps.logit_std = loss.logit_std();
  if (loss.has_mode_scale()) timesteps.mode_scale = loss.mode_scale();
  if (loss.has_sigmoid_scale()) timesteps.sigmoid_scale = loss.sigmoid_scale();
  if (spec.architecture() == v1::ARCHITECTURE_SD3) {
    if (loss.has_training_shift()) timesteps.shift = loss.training_shift();
  } else if (loss.has_discrete_flow_shift()) {
    timesteps.shift = loss.discrete_flow_shift();
  } else {
    timesteps.shift =
        spec.architecture() == v1::ARCHITECTURE_LUMINA2 ? 6.0 : 3.0;
  }
  timesteps.min_timestep = loss.min_timestep();
  if (loss.has_max_timestep()) timesteps.max_timestep = loss.max_timestep();
  return options;
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
  options.fused_by_block = run.blockwise_fused_optimizers();
  options.max_grad_norm = config.optimizer().has_max_grad_norm()
                              ? config.optimizer().max_grad_norm()
                              : 1.0;
  options.skip_nonfinite = run.on_nonfinite() == "skip";
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

absl::StatusOr<ModelOptions> ReadModelOptions(const v1::JobSpec& spec) {
  const v1::TrainingConfig& config = spec.training();
  const v1::ModelOptions& model = config.model();
  ModelOptions options;
  if (model.has_clip_skip()) options.clip_skip = model.clip_skip();
  if (model.has_max_token_length()) {
    options.max_token_length = model.max_token_length();
  }
  options.no_token_padding = model.no_token_padding();
  options.t5xxl_max_token_length = model.t5xxl_max_token_length();
  if (model.has_gemma2_max_token_length()) {
    options.gemma2_max_token_length = model.gemma2_max_token_length();
  }
  options.system_prompt = model.system_prompt();
  options.apply_lg_attn_mask = model.apply_lg_attn_mask();
  options.apply_t5_attn_mask = model.apply_t5_attn_mask();
  options.clip_l_dropout_rate = config.caption().clip_l_dropout_rate();
  options.clip_g_dropout_rate = config.caption().clip_g_dropout_rate();
  options.t5_dropout_rate = config.caption().t5_dropout_rate();
  if (config.loss().has_guidance_scale()) {
    options.guidance_scale = config.loss().guidance_scale();
  }
  options.pos_emb_random_crop_rate = model.pos_emb_random_crop_rate();
  options.enable_scaled_pos_embed = model.enable_scaled_pos_embed();
  options.num_last_block_to_freeze =
      config.optimizer().num_last_block_to_freeze();
  ASSIGN_OR_RETURN(options.diffusion, ReadDiffusion(config));
  ASSIGN_OR_RETURN(options.flow, ReadFlow(spec));
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
  ASSIGN_OR_RETURN(request.dataset, ReadDataset(dataset));
  if (!config.caption().caption_extension().empty()) {
    request.subset.caption_extension = config.caption().caption_extension();
  }
  request.subset.flip_aug = dataset.flip_aug();
  request.subset.color_aug = dataset.color_aug();
  request.subset.random_crop = dataset.random_crop();
  request.subset.resize_interpolation = dataset.resize_interpolation();
  request.subset.caption = ReadCaption(config.caption());
  request.cache_latents =
      dataset.cache_latents() || dataset.cache_latents_to_disk();
  request.bucket_step_px = architecture.bucket_step_px;
  request.latent_scale = architecture.latent_scale;
  return request;
}

LrScheduleOptions ReadLrScheduleOptions(const v1::TrainingConfig& config,
                                        int64_t total_steps) {
  const v1::OptimizerOptions& optimizer = config.optimizer();
  LrScheduleOptions options;
  options.total_steps = total_steps;
  if (!optimizer.lr_scheduler().empty())
    options.name = optimizer.lr_scheduler();
  if (!optimizer.lr_warmup_steps().empty()) {
    options.warmup_steps = optimizer.lr_warmup_steps();
  }
  if (optimizer.has_lr_scheduler_num_cycles()) {
    options.num_cycles = optimizer.lr_scheduler_num_cycles();
  }
  if (optimizer.has_lr_scheduler_power()) {
    options.power = optimizer.lr_scheduler_power();
  }
  return options;
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
