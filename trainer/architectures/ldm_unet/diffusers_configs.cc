#include "trainer/architectures/ldm_unet/diffusers_configs.h"

#include <algorithm>
#include <vector>

#include "nlohmann/json.hpp"

#include "trainer/checkpoint/json_file.h"

namespace atelier::trainer {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kDiffusersVersion[] = "0.42.1";
constexpr char kVelocity[] = "v_prediction";
constexpr char kEpsilon[] = "epsilon";
constexpr int kNormGroups = 32;
constexpr int64_t kHeadWidth = 64;  // of CLIP
constexpr char kStart[] = "<|startoftext|>";
constexpr char kEnd[] = "<|endoftext|>";

std::string Text(const Json& json) { return json.dump(2) + "\n"; }

Json ConfigOf(const char* class_name) {
  return {{"_class_name", class_name},
          {"_diffusers_version", kDiffusersVersion}};
}

// Heads of each level; levels without transformers have a value as well.
Json HeadsOf(const LdmUnetConfig& config) {
  if (config.heads > 0) return config.heads;
  Json heads = Json::array();
  for (const int64_t channels : config.channels) {
    heads.push_back(std::max<int64_t>(1, channels / config.head_channels));
  }
  return heads;
}

// Transformer blocks of each level; the last one counts for the middle too.
Json DepthsOf(const LdmUnetConfig& config) {
  std::vector<int64_t> depths;
  for (const int64_t depth : config.depths) {
    depths.push_back(std::max<int64_t>(1, depth));
  }
  depths.back() = config.middle_depth;
  const bool are_alike =
      std::all_of(depths.begin(), depths.end(),
                  [&](int64_t depth) { return depth == depths.front(); });
  if (are_alike) return depths.front();
  return depths;
}

void AddUnetBlocks(const LdmUnetConfig& config, Json& json) {
  std::vector<std::string> down, up;
  for (const int64_t depth : config.depths) {
    down.push_back(depth > 0 ? "CrossAttnDownBlock2D" : "DownBlock2D");
    up.insert(up.begin(), depth > 0 ? "CrossAttnUpBlock2D" : "UpBlock2D");
  }
  json["down_block_types"] = down;
  json["mid_block_type"] = "UNetMidBlock2DCrossAttn";
  json["up_block_types"] = up;
}

// [nothing, nothing]: a part that the pipeline can do without.
const Json& NoPart() {
  static const auto* const kNone = new Json(Json::array({nullptr, nullptr}));
  return *kNone;
}

Json SpecialTokens(const std::string& pad_token) {
  return {{"bos_token", kStart},
          {"eos_token", kEnd},
          {"pad_token", pad_token},
          {"unk_token", kEnd}};
}

}  // namespace

std::string ModelIndexJson(const LdmFamily& family) {
  const auto part = [](const char* library, const std::string& name) {
    return Json::array({library, name});
  };
  Json json = ConfigOf(family.pipeline.c_str());
  json["feature_extractor"] = NoPart();
  json["image_encoder"] = NoPart();
  if (family.text.size() > 1) {
    json["force_zeros_for_empty_prompt"] = true;  // as published
  } else {
    json["requires_safety_checker"] = false;
    json["safety_checker"] = NoPart();
  }
  json["scheduler"] = part("diffusers", family.scheduler);
  for (const LdmTextPlace& place : family.text) {
    json[place.folder] = part(
        "transformers",
        place.has_projection ? "CLIPTextModelWithProjection" : "CLIPTextModel");
    json[place.tokenizer] = part("transformers", "CLIPTokenizer");
  }
  json["unet"] = part("diffusers", "UNet2DConditionModel");
  json["vae"] = part("diffusers", "AutoencoderKL");
  return Text(json);
}

std::string UnetConfigJson(const LdmUnetConfig& config,
                           const LdmFamily& family) {
  Json json = ConfigOf("UNet2DConditionModel");
  json["act_fn"] = "silu";
  if (config.label_channels > 0) {
    json["addition_embed_type"] = "text_time";
    json["addition_time_embed_dim"] = 256;
    json["projection_class_embeddings_input_dim"] = config.label_channels;
  }
  json["attention_head_dim"] = HeadsOf(config);
  json["block_out_channels"] = config.channels;
  json["center_input_sample"] = false;
  json["cross_attention_dim"] = config.context_channels;
  AddUnetBlocks(config, json);
  json["downsample_padding"] = 1;
  json["flip_sin_to_cos"] = true;
  json["freq_shift"] = 0;
  json["in_channels"] = config.in_channels;
  json["layers_per_block"] = config.res_blocks;
  json["mid_block_scale_factor"] = 1;
  json["norm_eps"] = 1e-5;
  json["norm_num_groups"] = kNormGroups;
  json["out_channels"] = config.out_channels;
  json["sample_size"] = family.sample_size;
  if (config.time_channels != 4 * config.model_channels) {
    json["time_embedding_dim"] = config.time_channels;
  }
  json["transformer_layers_per_block"] = DepthsOf(config);
  json["upcast_attention"] = family.upcasts_attention;
  json["use_linear_projection"] = config.linear_projection;
  return Text(json);
}

std::string VaeConfigJson(const AutoencoderConfig& config,
                          const LdmFamily& family) {
  const size_t levels = config.channels.size();
  Json json = ConfigOf("AutoencoderKL");
  json["act_fn"] = "silu";
  json["block_out_channels"] = config.channels;
  json["down_block_types"] =
      std::vector<std::string>(levels, "DownEncoderBlock2D");
  json["force_upcast"] = true;
  json["in_channels"] = config.image_channels;
  json["latent_channels"] = config.latent_channels;
  json["layers_per_block"] = config.encoder_blocks;
  json["norm_num_groups"] = kNormGroups;
  json["out_channels"] = config.image_channels;
  json["sample_size"] = family.sample_size * (int64_t{1} << (levels - 1));
  json["scaling_factor"] = config.scaling.scale;
  json["up_block_types"] = std::vector<std::string>(levels, "UpDecoderBlock2D");
  json["use_post_quant_conv"] = config.has_quant_conv;
  json["use_quant_conv"] = config.has_quant_conv;
  return Text(json);
}

std::string TextConfigJson(const ClipTextEncoder& encoder) {
  const ClipTextConfig& config = encoder.config();
  Json json;
  json["architectures"] = {encoder.has_projection()
                               ? "CLIPTextModelWithProjection"
                               : "CLIPTextModel"};
  json["attention_dropout"] = 0.0;
  // As published: with 2 the pooled state is that of the greatest id, which is
  // the end token.
  json["bos_token_id"] = 0;
  json["eos_token_id"] = 2;
  json["pad_token_id"] = 1;
  json["hidden_act"] = config.quick_gelu ? "quick_gelu" : "gelu";
  json["hidden_size"] = config.width;
  json["initializer_factor"] = 1.0;
  json["initializer_range"] = 0.02;
  json["intermediate_size"] = config.mlp_width;
  json["layer_norm_eps"] = 1e-5;
  json["max_position_embeddings"] = config.positions;
  json["model_type"] = "clip_text_model";
  json["num_attention_heads"] = config.width / kHeadWidth;
  json["num_hidden_layers"] = config.layers;
  json["projection_dim"] = encoder.pooled_width();
  json["vocab_size"] = config.vocabulary;
  return Text(json);
}

std::string SchedulerConfigJson(const std::string& scheduler,
                                const DiffusionOptions& options) {
  Json json = ConfigOf(scheduler.c_str());
  json["beta_end"] = 0.012;
  json["beta_schedule"] = "scaled_linear";
  json["beta_start"] = 0.00085;
  json["clip_sample"] = false;
  json["num_train_timesteps"] = 1000;
  json["prediction_type"] = options.prediction_type == PredictionType::kVelocity
                                ? "v_prediction"
                                : "epsilon";
  json["rescale_betas_zero_snr"] = options.zero_terminal_snr;
  json["set_alpha_to_one"] = false;
  json["steps_offset"] = 1;
  json["timestep_spacing"] = options.zero_terminal_snr ? "trailing" : "leading";
  return Text(json);
}

std::optional<PredictionType> ReadPredictionType(const std::string& folder) {
  const auto json = ReadJsonObject(folder + "/scheduler/scheduler_config.json");
  if (!json.ok() || !json->contains("prediction_type")) return {};
  const nlohmann::json& type = json->at("prediction_type");
  if (type == kVelocity) return PredictionType::kVelocity;
  if (type == kEpsilon) return PredictionType::kEpsilon;
  return {};
}

std::string TokenizerConfigJson(const std::string& pad_token,
                                int64_t positions) {
  Json json = SpecialTokens(pad_token);
  json["add_prefix_space"] = false;
  json["do_lower_case"] = true;
  json["model_max_length"] = positions;
  json["tokenizer_class"] = "CLIPTokenizer";
  return Text(json);
}

std::string SpecialTokensJson(const std::string& pad_token) {
  return Text(SpecialTokens(pad_token));
}

}  // namespace atelier::trainer
