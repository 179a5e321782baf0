#include "proto/cc/optimizer_rules.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/option_syntax.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/suggestion.h"

namespace atelier {
namespace {

// Rates at or below this are those of other optimizers.
constexpr double kSmallEstimateRate = 0.1;

bool IsOptimizer(const v1::TrainingConfig& config, absl::string_view name) {
  return absl::EqualsIgnoreCase(config.optimizer().optimizer_type(), name);
}

bool IsFused(const v1::RunOptions& run) {
  return run.fused_backward_pass() || run.blockwise_fused_optimizers() ||
         run.has_fused_optimizer_groups();
}

void CheckType(const v1::TrainingConfig& config, RuleReport report) {
  const v1::OptimizerOptions& optimizer = config.optimizer();
  const auto& choices = FindOption("optimizer_type")->info.choices();
  const std::vector<std::string> known(choices.begin(), choices.end());
  const std::string& name = optimizer.optimizer_type();
  const bool is_known =
      name.empty() ||
      std::any_of(known.begin(), known.end(),
                  [&](const std::string& candidate) {
                    return absl::EqualsIgnoreCase(candidate, name);
                  });
  report.Require(
      is_known, "optimizer_type",
      absl::StrCat("optimizer_type is \"", name, "\"; must be one of ",
                   absl::StrJoin(known, ", "), DidYouMean(name, known)));
  report.Require(!optimizer.use_8bit_adam() || !optimizer.use_lion_optimizer(),
                 "use_lion_optimizer",
                 "use_lion_optimizer and use_8bit_adam are both given; give "
                 "optimizer_type alone");
  const auto require_alone = [&](bool given, absl::string_view option,
                                 absl::string_view means) {
    report.Require(!given || name.empty() || IsOptimizer(config, "AdamW") ||
                       IsOptimizer(config, means),
                   option,
                   absl::StrCat(option, " means optimizer_type ", means,
                                ", but optimizer_type is ", name,
                                "; leave out one of the two"));
  };
  require_alone(optimizer.use_8bit_adam(), "use_8bit_adam", "AdamW8bit");
  require_alone(optimizer.use_lion_optimizer(), "use_lion_optimizer", "Lion");
}

void CheckWeights(const v1::RunOptions& run, RuleReport report) {
  const std::string& precision = run.mixed_precision();
  report.Require(!run.full_bf16() || precision == "bf16", "full_bf16",
                 absl::StrCat("full_bf16 needs mixed_precision bf16, which is ",
                              precision));
  report.Require(!run.full_fp16() || precision == "fp16", "full_fp16",
                 absl::StrCat("full_fp16 needs mixed_precision fp16, which is ",
                              precision));
}

void CheckFused(const v1::RunOptions& run, RuleReport report) {
  const bool by_previous = IsFused(run) && run.fused_clip() == "previous";
  report.Require(!by_previous || run.mixed_precision() != "fp16", "fused_clip",
                 "fused_clip previous cannot be used with mixed_precision "
                 "fp16, where a step that overflows must be left out; use "
                 "exact or bf16");
  report.Require(!by_previous || run.on_nonfinite() != "skip", "fused_clip",
                 "fused_clip previous cannot be used with on_nonfinite skip, "
                 "which needs to know a step's norm before its update; use "
                 "exact or stop");
}

// A value of optimizer_args as it is written; empty where it is not given.
std::string ArgumentOf(const v1::TrainingConfig& config,
                       absl::string_view name) {
  for (const std::string& text : config.optimizer().optimizer_args()) {
    const auto arg = ParseOptimizerArg(text);
    if (arg.has_value() && arg->key == name) return arg->value;
  }
  return "";
}

bool IsRelativeAdafactor(const v1::TrainingConfig& config) {
  return IsOptimizer(config, "Adafactor") &&
         (!absl::EqualsIgnoreCase(ArgumentOf(config, "relative_step"),
                                  "false") ||
          absl::EqualsIgnoreCase(ArgumentOf(config, "warmup_init"), "true"));
}

bool EstimatesStep(const v1::TrainingConfig& config) {
  return IsOptimizer(config, "Prodigy") ||
         absl::StartsWithIgnoreCase(config.optimizer().optimizer_type(),
                                    "DAdapt");
}

}  // namespace

void CheckOptimizerRules(const v1::TrainingConfig& config, RuleReport report) {
  CheckType(config, report);
  CheckWeights(config.run(), report);
  CheckFused(config.run(), report);
}

void AddOptimizerWarnings(const v1::TrainingConfig& given,
                          const v1::TrainingConfig& filled,
                          std::vector<std::string>* warnings) {
  const v1::OptimizerOptions& optimizer = filled.optimizer();
  const std::string& name = optimizer.optimizer_type();
  const auto warn = [&](bool holds, std::string message) {
    if (holds) warnings->push_back(std::move(message));
  };
  warn(EstimatesStep(filled) && optimizer.learning_rate() <= kSmallEstimateRate,
       absl::StrCat("learning_rate is ", optimizer.learning_rate(),
                    ", but for ", name,
                    " it is a factor on a step size that it estimates; 1 is "
                    "usual"));
  const bool has_schedule =
      given.optimizer().has_lr_scheduler() &&
      optimizer.lr_scheduler() != "constant" &&
      !absl::StartsWith(optimizer.lr_scheduler(), "adafactor");
  warn(absl::EndsWithIgnoreCase(name, "ScheduleFree") &&
           (has_schedule || optimizer.has_lr_scheduler_type()),
       absl::StrCat("lr_scheduler has no effect with ", name,
                    ", which needs none; give warmup_steps=N in "
                    "optimizer_args for a warm-up"));
  warn(IsRelativeAdafactor(filled) &&
           (has_schedule || given.optimizer().has_learning_rate()),
       "learning_rate and lr_scheduler have no effect with Adafactor's "
       "relative_step, but for a learning rate of 0, which trains nothing; "
       "give relative_step=False in optimizer_args for a rate of your own");
  warn(given.run().has_fused_clip() && !IsFused(filled.run()),
       "fused_clip has no effect without fused_backward_pass");
}

}  // namespace atelier
