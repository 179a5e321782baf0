#include "proto/cc/option_rules.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/cache_rules.h"
#include "proto/cc/dataset_rules.h"
#include "proto/cc/enum_name.h"
#include "proto/cc/model_rules.h"
#include "proto/cc/optimizer_rules.h"
#include "proto/cc/option_syntax.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/output_rules.h"
#include "proto/cc/rule_report.h"
#include "proto/cc/schedule_rules.h"
#include "proto/cc/validation_rules.h"

namespace atelier {
namespace {

// Pixels of image per latent position, times what the network halves.
int BucketDivisor(v1::Architecture architecture) {
  switch (architecture) {
    case v1::ARCHITECTURE_SDXL:
      return 32;
    case v1::ARCHITECTURE_SD3:
      return 8;
    case v1::ARCHITECTURE_FLUX:
    case v1::ARCHITECTURE_LUMINA2:
      return 16;
    default:
      return 8;
  }
}

void CheckBuckets(v1::Architecture architecture,
                  const v1::DatasetOptions& dataset, RuleReport report) {
  const int divisor = BucketDivisor(architecture);
  report.Require(
      dataset.bucket_reso_steps() % divisor == 0, "bucket_reso_steps",
      absl::StrCat("bucket_reso_steps is ", dataset.bucket_reso_steps(),
                   "; must be a multiple of ", divisor, " for ",
                   ArchitectureName(architecture)));
  report.Require(dataset.min_bucket_reso() <= dataset.max_bucket_reso(),
                 "min_bucket_reso",
                 absl::StrCat("min_bucket_reso is ", dataset.min_bucket_reso(),
                              "; must be at most max_bucket_reso, which is ",
                              dataset.max_bucket_reso()));
  if (!dataset.has_resolution()) return;
  const auto size = ParseImageSize(dataset.resolution());
  report.Require(size.has_value(), "resolution",
                 absl::StrCat("resolution is \"", dataset.resolution(),
                              "\"; must be SIZE or WIDTH,HEIGHT in pixels, "
                              "each from 1 to 16384"));
  // A dataset file may set its own; then these are checked with it.
  if (!size.has_value() || dataset.has_dataset_config() ||
      !dataset.enable_bucket() || dataset.bucket_no_upscale()) {
    return;
  }
  const auto [low, high] = std::minmax(size->width, size->height);
  report.Require(low >= dataset.min_bucket_reso(), "min_bucket_reso",
                 absl::StrCat("min_bucket_reso is ", dataset.min_bucket_reso(),
                              "; must be at most the resolution's smaller "
                              "side, which is ",
                              low));
  report.Require(high <= dataset.max_bucket_reso(), "max_bucket_reso",
                 absl::StrCat("max_bucket_reso is ", dataset.max_bucket_reso(),
                              "; must be at least the resolution's larger "
                              "side, which is ",
                              high));
}

void CheckCaching(const v1::DatasetOptions& dataset, RuleReport report) {
  const bool caches =
      dataset.cache_latents() || dataset.cache_latents_to_disk();
  report.Require(!caches || !dataset.color_aug(), "color_aug",
                 "color_aug cannot be used with cached latents; leave out "
                 "color_aug or cache_latents");
  report.Require(!caches || !dataset.random_crop(), "random_crop",
                 "random_crop cannot be used with cached latents; leave out "
                 "random_crop or cache_latents");
}

void CheckCaptions(const v1::CaptionOptions& caption, RuleReport report) {
  report.Require(!caption.caption_separator().empty(), "caption_separator",
                 "caption_separator must not be empty");
  report.Require(!caption.caption_extension().empty(), "caption_extension",
                 "caption_extension must not be empty");
}

void CheckOptimizer(const v1::OptimizerOptions& optimizer, RuleReport report) {
  std::set<std::string> keys;
  for (const std::string& text : optimizer.optimizer_args()) {
    const auto arg = ParseOptimizerArg(text);
    report.Require(arg.has_value(), "optimizer_args",
                   absl::StrCat("optimizer_args has \"", text,
                                "\"; must be of the form key=value"));
    report.Require(!arg.has_value() || keys.insert(arg->key).second,
                   "optimizer_args",
                   absl::StrCat("optimizer_args has ",
                                arg.has_value() ? arg->key : "", " twice"));
  }
}

void CheckLoss(const v1::LossOptions& loss, RuleReport report) {
  report.Require(!loss.has_adaptive_noise_scale() || loss.has_noise_offset(),
                 "adaptive_noise_scale",
                 "adaptive_noise_scale needs noise_offset");
  report.Require(
      !loss.has_max_timestep() || loss.min_timestep() < loss.max_timestep(),
      "min_timestep",
      absl::StrCat("min_timestep is ", loss.min_timestep(),
                   "; must be below max_timestep, which is ",
                   loss.max_timestep()));
}

void CheckOutput(const v1::OutputOptions& output, RuleReport report) {
  const std::string& name = output.output_name();
  const bool is_plain =
      name.find('/') == name.npos && name != "." && name != ".." &&
      name.size() <= 200 &&
      std::none_of(name.begin(), name.end(),
                   [](unsigned char c) { return absl::ascii_iscntrl(c); });
  report.Require(!output.has_output_name() || (is_plain && !name.empty()),
                 "output_name",
                 "output_name must be a plain file name of 1 to 200 bytes, "
                 "without / and control characters");
  const bool by_epoch =
      output.has_save_every_n_epochs() || output.has_save_n_epoch_ratio();
  const bool by_step = output.has_save_every_n_steps();
  report.Require(by_epoch || !output.has_save_last_n_epochs(),
                 "save_last_n_epochs",
                 "save_last_n_epochs needs save_every_n_epochs");
  report.Require(by_step || !output.has_save_last_n_steps(),
                 "save_last_n_steps",
                 "save_last_n_steps needs save_every_n_steps");
  report.Require(
      !output.has_save_last_n_epochs_state() ||
          (by_epoch && output.save_state()),
      "save_last_n_epochs_state",
      "save_last_n_epochs_state needs save_every_n_epochs and save_state");
  report.Require(
      !output.has_save_last_n_steps_state() || (by_step && output.save_state()),
      "save_last_n_steps_state",
      "save_last_n_steps_state needs save_every_n_steps and save_state");
}

// An option that is given, and whether anything looks at it.
struct Effect {
  const char* option;
  bool has_effect;
  const char* without;
};

std::vector<Effect> LossEffects(const v1::LossOptions& loss) {
  const bool is_huber =
      loss.loss_type() == "huber" || loss.loss_type() == "smooth_l1";
  const char* const kHuber = "loss_type huber or smooth_l1";
  return {
      {"huber_schedule", is_huber, kHuber},
      {"huber_c", is_huber, kHuber},
      {"huber_scale", is_huber, kHuber},
      {"noise_offset_random_strength", loss.has_noise_offset(), "noise_offset"},
      {"multires_noise_discount", loss.has_multires_noise_iterations(),
       "multires_noise_iterations"},
      {"ip_noise_gamma_random_strength", loss.has_ip_noise_gamma(),
       "ip_noise_gamma"},
  };
}

std::vector<Effect> OtherEffects(const v1::TrainingConfig& config) {
  const auto& dataset = config.dataset();
  const auto& caption = config.caption();
  const auto& sample = config.sample();
  const bool caches =
      dataset.cache_latents() || dataset.cache_latents_to_disk();
  const bool buckets = dataset.enable_bucket() || dataset.has_dataset_config();
  const bool samples =
      sample.has_sample_prompts() || sample.sample_prompt_size() > 0;
  const char* const kPrompts = "sample_prompts or sample_prompt";
  return {
      {"min_bucket_reso", buckets, "enable_bucket"},
      {"max_bucket_reso", buckets, "enable_bucket"},
      {"bucket_no_upscale", buckets, "enable_bucket"},
      {"vae_batch_size", caches || dataset.has_dataset_config(),
       "cache_latents"},
      {"token_warmup_min",
       caption.token_warmup_step() > 0 || dataset.has_dataset_config(),
       "token_warmup_step"},
      {"sample_every_n_steps", samples, kPrompts},
      {"sample_every_n_epochs", samples, kPrompts},
      {"sample_at_first", samples, kPrompts},
  };
}

void AddWithoutEffect(const v1::TrainingConfig& given,
                      const std::vector<Effect>& effects,
                      std::vector<std::string>* warnings) {
  for (const Effect& effect : effects) {
    if (effect.has_effect || !IsSet(*FindOption(effect.option), given))
      continue;
    warnings->push_back(
        absl::StrCat(effect.option, " has no effect without ", effect.without));
  }
}

}  // namespace

void CheckRules(v1::Architecture architecture, const v1::TrainingConfig& config,
                std::vector<Violation>* violations) {
  const RuleReport report(violations);
  CheckDatasetRules(config.dataset(), report);
  CheckBuckets(architecture, config.dataset(), report);
  CheckCaching(config.dataset(), report);
  CheckCaptions(config.caption(), report);
  CheckOptimizer(config.optimizer(), report);
  CheckLoss(config.loss(), report);
  CheckOutput(config.output(), report);
  CheckModelRules(architecture, config, report);
  CheckScheduleRules(config, report);
  CheckOptimizerRules(config, report);
  CheckOutputRules(config, report);
  CheckValidationRules(config, report);
  CheckCacheRules(config, report);
}

void AddEffectWarnings(const v1::TrainingConfig& given,
                       const v1::TrainingConfig& filled,
                       std::vector<std::string>* warnings) {
  AddWithoutEffect(given, LossEffects(filled.loss()), warnings);
  AddWithoutEffect(given, OtherEffects(filled), warnings);
  AddDatasetWarnings(given.dataset(), warnings);
  AddScheduleWarnings(given, filled, warnings);
  AddOptimizerWarnings(given, filled, warnings);
  AddOutputWarnings(given, warnings);
  AddValidationWarnings(given, filled, warnings);
  AddCacheWarnings(given, warnings);
  const auto overruled = [&](bool holds, absl::string_view message) {
    if (holds) warnings->push_back(std::string(message));
  };
  overruled(
      given.run().has_max_train_steps() && given.run().has_max_train_epochs(),
      "max_train_steps is overruled by max_train_epochs");
  overruled(given.sample().has_sample_every_n_steps() &&
                given.sample().has_sample_every_n_epochs(),
            "sample_every_n_steps is overruled by sample_every_n_epochs");
  overruled(given.optimizer().stop_text_encoder_training() == -1 &&
                given.optimizer().has_learning_rate_te(),
            "learning_rate_te has no effect while stop_text_encoder_training "
            "is -1");
  overruled(
      filled.loss().zero_terminal_snr() && !filled.model().v_parameterization(),
      "zero_terminal_snr is meant for v_parameterization: predicted "
      "noise says nothing at a timestep without signal");
}

}  // namespace atelier
