#include "trainer/train/record.h"

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/message_json.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/status_macros.h"
#include "trainer/checkpoint/atomic_file.h"
#include "trainer/checkpoint/sha256.h"
#include "trainer/train/model_spec.h"

namespace atelier::trainer {
namespace {

// Options that say where or how fast, not what: the outcome is the same
// whatever they are.
const std::set<std::string>& OptionsWithoutEffect() {
  static const auto& names =
      *new std::set<std::string>{"device",         "max_data_loader_n_workers",
                                 "output_dir",     "resume",
                                 "vae_batch_size", "allow_changed"};
  return names;
}

// Also these may change when a run is continued: how long it is, what it writes
// and shows.
const std::set<std::string>& OptionsThatMayChange() {
  static const auto& names =
      *new std::set<std::string>{"max_train_steps",
                                 "max_train_epochs",
                                 "output_name",
                                 "save_precision",
                                 "save_model_as",
                                 "save_every_n_epochs",
                                 "save_every_n_steps",
                                 "save_last_n_epochs",
                                 "save_last_n_steps",
                                 "save_last_n_epochs_state",
                                 "save_last_n_steps_state",
                                 "save_state",
                                 "save_state_on_train_end",
                                 "sample_prompts",
                                 "sample_prompt",
                                 "sample_every_n_steps",
                                 "sample_every_n_epochs",
                                 "sample_at_first",
                                 "sample_sampler",
                                 "metadata_title",
                                 "metadata_author",
                                 "metadata_description",
                                 "metadata_license",
                                 "metadata_tags",
                                 "metadata_usage_hint",
                                 "metadata_thumbnail",
                                 "metadata_merged_from",
                                 "metadata_trigger_phrase",
                                 "metadata_preprocessor",
                                 "metadata_is_negative_embedding",
                                 "save_n_epoch_ratio",
                                 "use_safetensors",
                                 "mem_eff_save",
                                 "logging_dir",
                                 "log_with",
                                 "log_prefix",
                                 "on_nonfinite",
                                 "on_oom",
                                 "loss_spike_threshold",
                                 "guard_every_n_steps",
                                 "max_rollbacks",
                                 "loss_ledger",
                                 "sample_with_ema",
                                 "ema_offload",
                                 "validate_every_n_steps",
                                 "validate_every_n_epochs",
                                 "max_validation_steps",
                                 "validation_timesteps",
                                 "early_stop_patience",
                                 "early_stop_min_delta",
                                 "keep_best",
                                 "on_overfit",
                                 "cpu_offload_checkpointing",
                                 "blocks_to_swap",
                                 "blockwise_fused_optimizers",
                                 "fused_backward_pass",
                                 "fused_optimizer_groups",
                                 "fused_clip",
                                 "use_t5xxl_cache_only",
                                 "sdpa",
                                 "allow_tf32",
                                 "cudnn_benchmark",
                                 "use_flash_attn",
                                 "text_encoder_batch_size",
                                 "cache_text_encoder_outputs",
                                 "cache_text_encoder_outputs_to_disk",
                                 "gradient_checkpointing",
                                 "skip_cache_check",
                                 "cache_format",
                                 "warm_cache",
                                 "cache_latents_to_disk"};
  return names;
}

// Found again by their digests, wherever they lie and whatever they are called.
const std::set<std::string>& ModelSourceOptions() {
  static const auto& names = *new std::set<std::string>{
      kMainSource, "vae", "ae", "clip_l", "clip_g", "t5xxl", "gemma2"};
  return names;
}

const std::set<std::string>& DatasetSourceOptions() {
  static const auto& names = *new std::set<std::string>{
      "dataset_config", "train_data_dir", "reg_data_dir", "in_json",
      "conditioning_data_dir"};
  return names;
}

nlohmann::ordered_json ToJson(const OptionValue& value) {
  return std::visit(
      [](const auto& held) { return nlohmann::ordered_json(held); }, value);
}

// A path without its folder: a checkpoint that is given away names none.
nlohmann::ordered_json ToJson(const Option& option,
                              const v1::TrainingConfig& config) {
  nlohmann::ordered_json values = nlohmann::ordered_json::array();
  for (const OptionValue& value : OptionValues(option, config)) {
    const auto* path = std::get_if<std::string>(&value);
    if (path != nullptr && option.info.path() != v1::PATH_KIND_UNSPECIFIED) {
      values.push_back(std::filesystem::path(*path).filename().string());
    } else {
      values.push_back(ToJson(value));
    }
  }
  return option.is_list() || values.size() != 1 ? values : values.front();
}

nlohmann::ordered_json OptionsJson(const v1::TrainingConfig& config,
                                   const std::set<std::string>& left_out) {
  nlohmann::ordered_json options = nlohmann::ordered_json::object();
  for (const Option* option : SetOptions(config)) {
    if (left_out.count(option->name) == 0) {
      options[option->name] = ToJson(*option, config);
    }
  }
  return options;
}

}  // namespace

bool IsModelSource(const std::string& option) {
  return ModelSourceOptions().count(option) > 0;
}

bool IsDatasetSource(const std::string& option) {
  return DatasetSourceOptions().count(option) > 0;
}

bool MayChange(const std::string& option) {
  return OptionsThatMayChange().count(option) > 0;
}

absl::StatusOr<std::map<std::string, std::string>> MakeMetadata(
    const Training& training, const Progress& progress) {
  const v1::TrainingConfig& config = training.spec.training();
  ASSIGN_OR_RETURN(const auto digests, training.source_digests.get());
  nlohmann::ordered_json record;
  record["record_version"] = 1;
  record["atelier_version"] = ATELIER_VERSION;
  record["torch_version"] = TORCH_VERSION;
  record["architecture"] = std::string(training.architecture->name);
  for (const auto& [option, digest] : digests) {
    if (option == kMainSource) {
      record["base_sha256"] = digest;
    } else {
      record["component_sha256"][option] = digest;
    }
  }
  record["dataset_sha256"] = training.index.digest;
  record["train_images"] = training.index.train_images;
  record["regularization_images"] = training.index.regularization_images;
  record["seed"] = training.loop.seed;
  record["step"] = progress.step;
  record["total_steps"] = training.length.total_steps;
  if (training.ema != nullptr && !training.ema->in_use().empty()) {
    record["weights"] = training.ema->in_use();
  }
  if (!training.device_settings.empty()) {
    record["device_settings"] = training.device_settings;
  }
  record["options"] = OptionsJson(config, OptionsWithoutEffect());
  std::map<std::string, std::string> metadata;
  metadata["atelier.record"] = JsonLine(record);
  metadata["format"] = "pt";
  AddModelSpec(training, metadata);
  return metadata;
}

absl::StatusOr<std::map<std::string, std::string>> MakeFingerprint(
    const Training& training) {
  ASSIGN_OR_RETURN(const auto digests, training.source_digests.get());
  std::set<std::string> left_out = OptionsWithoutEffect();
  left_out.insert(ModelSourceOptions().begin(), ModelSourceOptions().end());
  left_out.insert(DatasetSourceOptions().begin(), DatasetSourceOptions().end());
  std::map<std::string, std::string> fingerprint;
  for (const auto& [option, digest] : digests) {
    fingerprint[option == kMainSource ? kBaseModel : option] = digest;
  }
  fingerprint[kDataset] = training.index.digest;
  const v1::TrainingConfig& config = training.spec.training();
  if (config.dataset().has_dataset_config()) {
    ASSIGN_OR_RETURN(const std::string text,
                     ReadFile(config.dataset().dataset_config()));
    fingerprint["dataset_config"] = Sha256Of(text);
  }
  const nlohmann::ordered_json options = OptionsJson(config, left_out);
  for (const auto& [name, value] : options.items()) {
    fingerprint[name] =
        value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return fingerprint;
}

}  // namespace atelier::trainer
