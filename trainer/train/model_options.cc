// The options of a model and of its objective: ReadModelOptions of options.h.
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/train/options.h"

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

}  // namespace

absl::StatusOr<ModelOptions> ReadModelOptions(const v1::JobSpec& spec) {
  const v1::TrainingConfig& config = spec.training();
  const v1::ModelOptions& model = config.model();
  ModelOptions options;
  if (model.has_clip_skip()) options.clip_skip = model.clip_skip();
  if (model.has_max_token_length()) {
    options.max_token_length = model.max_token_length();
  }
  options.no_token_padding = model.no_token_padding();
  options.weighted_captions = config.loss().weighted_captions();
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

}  // namespace atelier::trainer
