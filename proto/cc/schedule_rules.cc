#include "proto/cc/schedule_rules.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

#include "proto/cc/option_syntax.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/suggestion.h"

namespace atelier {
namespace {

constexpr char kTorchPrefix[] = "torch.optim.lr_scheduler.";

std::vector<std::string> ChoicesOf(absl::string_view option) {
  const auto& choices = FindOption(option)->info.choices();
  return {choices.begin(), choices.end()};
}

void RequireKnown(absl::string_view option, absl::string_view given,
                  absl::string_view name, RuleReport report) {
  const std::vector<std::string> known = ChoicesOf(option);
  report.Require(
      std::find(known.begin(), known.end(), name) != known.end(), option,
      absl::StrCat(option, " is \"", given, "\"; must be one of ",
                   absl::StrJoin(known, ", "), DidYouMean(name, known)));
}

// `adafactor` and `adafactor:LR`.
bool IsAdafactors(absl::string_view scheduler) {
  double rate = 0;
  return scheduler == "adafactor" ||
         (absl::ConsumePrefix(&scheduler, "adafactor:") &&
          absl::SimpleAtod(scheduler, &rate) && rate >= 0);
}

void CheckAdafactor(const v1::OptimizerOptions& optimizer, RuleReport report) {
  bool is_relative = true;
  for (const std::string& text : optimizer.optimizer_args()) {
    const auto arg = ParseOptimizerArg(text);
    if (!arg.has_value() || arg->key != "relative_step") continue;
    is_relative = absl::EqualsIgnoreCase(arg->value, "true");
  }
  report.Require(
      absl::EqualsIgnoreCase(optimizer.optimizer_type(), "Adafactor") &&
          is_relative,
      "lr_scheduler",
      absl::StrCat("lr_scheduler is ", optimizer.lr_scheduler(),
                   ", which goes with optimizer_type Adafactor and its "
                   "relative_step only; use constant or another schedule"));
}

void CheckLengths(const v1::OptimizerOptions& optimizer, bool is_constant,
                  RuleReport report) {
  const auto warmup = ParseWarmupLength(optimizer.lr_warmup_steps());
  report.Require(
      warmup.has_value(), "lr_warmup_steps",
      absl::StrCat("lr_warmup_steps is \"", optimizer.lr_warmup_steps(),
                   "\"; must be a whole number of steps, a share "
                   "of the run below 1, or a percentage as 10%"));
  report.Require(
      ParseWarmupLength(optimizer.lr_decay_steps()).has_value(),
      "lr_decay_steps",
      absl::StrCat("lr_decay_steps is \"", optimizer.lr_decay_steps(),
                   "\"; must be a whole number of steps, a share "
                   "of the run below 1, or a percentage as 10%"));
  const bool warms_up = warmup.has_value() && !warmup->is_zero();
  report.Require(
      !warms_up || !is_constant, "lr_warmup_steps",
      absl::StrCat("lr_warmup_steps is ", optimizer.lr_warmup_steps(),
                   ", but lr_scheduler ", optimizer.lr_scheduler(),
                   " has no warm-up; use constant_with_warmup"));
  report.Require(
      !warms_up || !optimizer.has_lr_scheduler_type(), "lr_warmup_steps",
      absl::StrCat("lr_warmup_steps is ", optimizer.lr_warmup_steps(),
                   ", but lr_scheduler_type ", optimizer.lr_scheduler_type(),
                   " has no warm-up; leave out one of the two"));
}

}  // namespace

void CheckScheduleRules(const v1::TrainingConfig& config, RuleReport report) {
  const v1::OptimizerOptions& optimizer = config.optimizer();
  const std::string& scheduler = optimizer.lr_scheduler();
  const bool is_typed = optimizer.has_lr_scheduler_type();
  CheckLengths(optimizer,
               !is_typed && (scheduler == "constant" ||
                             scheduler == "piecewise_constant" ||
                             IsAdafactors(scheduler)),
               report);
  if (is_typed) {
    RequireKnown("lr_scheduler_type", optimizer.lr_scheduler_type(),
                 absl::StripPrefix(optimizer.lr_scheduler_type(), kTorchPrefix),
                 report);
    return;
  }
  if (IsAdafactors(scheduler)) {
    CheckAdafactor(optimizer, report);
  } else {
    RequireKnown("lr_scheduler", scheduler, scheduler, report);
  }
  const auto& args = optimizer.lr_scheduler_args();
  const auto has_arg = [&args](absl::string_view name) {
    return std::any_of(args.begin(), args.end(), [&](const std::string& text) {
      const auto arg = ParseOptimizerArg(text);
      return arg.has_value() && arg->key == name;
    });
  };
  report.Require(scheduler != "piecewise_constant" || has_arg("step_rules"),
                 "lr_scheduler_args",
                 "lr_scheduler piecewise_constant needs lr_scheduler_args "
                 "step_rules=FACTOR:STEP,…,FACTOR");
  report.Require(
      scheduler != "cosine_with_min_lr" ||
          optimizer.has_lr_scheduler_min_lr_ratio() != has_arg("min_lr"),
      "lr_scheduler_min_lr_ratio",
      "lr_scheduler cosine_with_min_lr needs "
      "lr_scheduler_min_lr_ratio, or min_lr=… in "
      "lr_scheduler_args, and not both");
}

void AddScheduleWarnings(const v1::TrainingConfig& given,
                         const v1::TrainingConfig& filled,
                         std::vector<std::string>* warnings) {
  const v1::OptimizerOptions& optimizer = given.optimizer();
  if (optimizer.has_lr_scheduler_type()) {
    if (optimizer.has_lr_scheduler()) {
      warnings->push_back("lr_scheduler is overruled by lr_scheduler_type");
    }
  }
  const std::string scheduler = optimizer.has_lr_scheduler_type()
                                    ? std::string()
                                    : filled.optimizer().lr_scheduler();
  const bool has_floor =
      scheduler == "cosine_with_min_lr" || scheduler == "warmup_stable_decay";
  const auto expect = [&](bool has_effect, bool is_given,
                          absl::string_view option, absl::string_view without) {
    if (has_effect || !is_given) return;
    warnings->push_back(
        absl::StrCat(option, " has no effect without lr_scheduler ", without));
  };
  expect(has_floor || scheduler == "cosine_with_restarts",
         optimizer.has_lr_scheduler_num_cycles(), "lr_scheduler_num_cycles",
         "cosine_with_restarts, cosine_with_min_lr or warmup_stable_decay");
  expect(scheduler == "polynomial", optimizer.has_lr_scheduler_power(),
         "lr_scheduler_power", "polynomial");
  expect(has_floor, optimizer.has_lr_scheduler_min_lr_ratio(),
         "lr_scheduler_min_lr_ratio",
         "cosine_with_min_lr or warmup_stable_decay");
  expect(scheduler == "inverse_sqrt", optimizer.has_lr_scheduler_timescale(),
         "lr_scheduler_timescale", "inverse_sqrt");
  expect(scheduler == "warmup_stable_decay", optimizer.has_lr_decay_steps(),
         "lr_decay_steps", "warmup_stable_decay");
}

}  // namespace atelier
