#include "trainer/train/record.h"

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include "proto/cc/message_json.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/status_macros.h"
#include "trainer/train/model_spec.h"

namespace atelier::trainer {
namespace {

// Options that say where or how fast, not what: the outcome is the same
// whatever they are.
const std::set<std::string>& OptionsWithoutEffect() {
  static const auto& names =
      *new std::set<std::string>{"device", "max_data_loader_n_workers",
                                 "output_dir", "resume", "vae_batch_size"};
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
                                 "learning_rate",
                                 "learning_rate_te",
                                 "learning_rate_te1",
                                 "learning_rate_te2",
                                 "learning_rate_te3",
                                 "cpu_offload_checkpointing",
                                 "blocks_to_swap",
                                 "blockwise_fused_optimizers",
                                 "use_t5xxl_cache_only",
                                 "sdpa",
                                 "use_flash_attn",
                                 "text_encoder_batch_size",
                                 "cache_text_encoder_outputs",
                                 "cache_text_encoder_outputs_to_disk",
                                 "max_grad_norm",
                                 "lr_scheduler",
                                 "lr_warmup_steps",
                                 "lr_scheduler_num_cycles",
                                 "lr_scheduler_power",
                                 "gradient_checkpointing",
                                 "skip_cache_check",
                                 "cache_latents_to_disk"};
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
  std::set<std::string> left_out = OptionsThatMayChange();
  left_out.insert(OptionsWithoutEffect().begin(), OptionsWithoutEffect().end());
  std::map<std::string, std::string> fingerprint;
  for (const auto& [option, digest] : digests) {
    fingerprint[option == kMainSource ? "base checkpoint" : option] = digest;
  }
  fingerprint["dataset"] = training.index.digest;
  const nlohmann::ordered_json options =
      OptionsJson(training.spec.training(), left_out);
  for (const auto& [name, value] : options.items()) {
    fingerprint[name] =
        value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return fingerprint;
}

}  // namespace atelier::trainer
