#include "proto/cc/output_rules.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace atelier {

void CheckOutputRules(const v1::TrainingConfig& config, RuleReport report) {
  const v1::RunOptions& run = config.run();
  const std::string& prefix = run.log_prefix();
  report.Require(
      prefix.find('/') == prefix.npos && prefix.size() <= 128 &&
          std::none_of(prefix.begin(), prefix.end(),
                       [](unsigned char c) { return absl::ascii_iscntrl(c); }),
      "log_prefix",
      "log_prefix must be at most 128 bytes long, without / and control "
      "characters");
  const bool caches = config.dataset().cache_text_encoder_outputs() ||
                      config.dataset().cache_text_encoder_outputs_to_disk();
  const bool weighs = config.loss().weighted_captions();
  report.Require(!weighs || !caches, "weighted_captions",
                 "weighted_captions cannot be used with cached text encoder "
                 "outputs; leave out one of the two");
  report.Require(!weighs || !config.model().no_token_padding(),
                 "weighted_captions",
                 "weighted_captions cannot be used with no_token_padding; "
                 "leave out one of the two");
}

void AddOutputWarnings(const v1::TrainingConfig& given,
                       std::vector<std::string>* warnings) {
  const v1::RunOptions& run = given.run();
  const v1::OutputOptions& output = given.output();
  if (!run.has_logging_dir()) {
    if (run.has_log_with()) {
      warnings->push_back("log_with has no effect without logging_dir");
    }
    if (run.has_log_prefix()) {
      warnings->push_back("log_prefix has no effect without logging_dir");
    }
  }
  if (output.use_safetensors() && output.save_model_as() != "ckpt" &&
      output.save_model_as() != "diffusers") {
    warnings->push_back(
        "use_safetensors has no effect without save_model_as ckpt or "
        "diffusers");
  }
  if (output.has_save_n_epoch_ratio() && output.has_save_every_n_epochs()) {
    warnings->push_back(
        "save_every_n_epochs is overruled by save_n_epoch_ratio");
  }
}

}  // namespace atelier
