#include "trainer/optim/lr_schedule.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"
#include "trainer/optim/lr_shapes.h"
#include "trainer/optim/torch_lr_schedule.h"

namespace atelier::trainer {
namespace {

constexpr absl::string_view kAdafactor = "adafactor";

absl::StatusOr<double> ParseFactor(absl::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(absl::StripAsciiWhitespace(text), &value) ||
      !std::isfinite(value) || value < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("lr_scheduler_args step_rules has the factor '", text,
                     "', expected a number of at least 0"));
  }
  return value;
}

// `1:10,0.1:20,0.005` into the shape.
absl::Status ParseRules(absl::string_view text, LrShape& shape) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ',');
  for (size_t i = 0; i + 1 < parts.size(); ++i) {
    const std::vector<absl::string_view> rule = absl::StrSplit(parts[i], ':');
    int64_t until = 0;
    if (rule.size() != 2 || !absl::SimpleAtoi(rule[1], &until) || until < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "lr_scheduler_args step_rules has '", parts[i],
          "', expected FACTOR:STEP with the factor until that step"));
    }
    ASSIGN_OR_RETURN(const double factor, ParseFactor(rule[0]));
    shape.rules.emplace_back(until, factor);
  }
  ASSIGN_OR_RETURN(shape.last_factor, ParseFactor(parts.back()));
  std::sort(shape.rules.begin(), shape.rules.end());
  return absl::OkStatus();
}

LrRamp RampOf(const std::string& name) {
  if (name == "linear") return LrRamp::kLinear;
  return name == "cosine" ? LrRamp::kCosine : LrRamp::kOneMinusSqrt;
}

absl::Status ReadArguments(const LrKind& kind, const LrScheduleOptions& options,
                           LrShape& shape) {
  ASSIGN_OR_RETURN(const LrArguments args,
                   LrArguments::Parse(kind.name, kind.arguments, options.args));
  if (kind.name == "cosine") shape.cycles = 2 * args.Number("num_cycles");
  if (args.Has("lr_end")) shape.end_lr = args.Number("lr_end");
  if (args.Has("min_lr")) shape.min_lr = args.Number("min_lr");
  if (args.Has("warmup_type")) {
    shape.warmup_ramp = RampOf(args.Text("warmup_type"));
    shape.decay_ramp = RampOf(args.Text("decay_type"));
  }
  if (!args.Has("step_rules")) return absl::OkStatus();
  return ParseRules(args.Text("step_rules"), shape);
}

absl::Status CheckRanges(const LrKind& kind, const LrShape& shape,
                         const LrScheduleOptions& options) {
  const auto refuse = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("lr_scheduler ", options.name, ": ", what));
  };
  if (!kind.takes_warmup && shape.warmup > 0) {
    return refuse(absl::StrCat("lr_warmup_steps is ", options.warmup_steps,
                               ", must be 0; constant_with_warmup takes it"));
  }
  if (kind.name == "cosine_with_min_lr" &&
      options.min_lr_ratio.has_value() == (shape.min_lr > 0)) {
    return refuse(
        "one of lr_scheduler_min_lr_ratio and the argument min_lr must be set");
  }
  if (kind.name == "warmup_stable_decay" && shape.decay > 0 &&
      shape.warmup + shape.decay > shape.total) {
    return refuse(absl::StrCat("lr_warmup_steps and lr_decay_steps are ",
                               shape.warmup, " and ", shape.decay,
                               ", more together than the ", shape.total,
                               " steps of the run"));
  }
  if (shape.min_ratio < 0 || shape.min_ratio > 1) {
    return refuse(absl::StrCat("lr_scheduler_min_lr_ratio is ", shape.min_ratio,
                               ", must be within 0 to 1"));
  }
  if (options.num_cycles < 1) {
    return refuse(absl::StrCat("lr_scheduler_num_cycles is ",
                               options.num_cycles, ", must be at least 1"));
  }
  if (options.timescale && *options.timescale < 1) {
    return refuse(absl::StrCat("lr_scheduler_timescale is ", *options.timescale,
                               ", must be at least 1"));
  }
  return absl::OkStatus();
}

// `adafactor:1e-4` is adafactor with a rate.
absl::StatusOr<const LrKind*> FindKind(const std::string& given,
                                       LrShape& shape) {
  absl::string_view rate = given;
  std::string name = given;
  if (absl::ConsumePrefix(&rate, absl::StrCat(kAdafactor, ":"))) {
    name = std::string(kAdafactor);
    if (!absl::SimpleAtod(rate, &shape.adafactor_lr) ||
        !(shape.adafactor_lr >= 0 && shape.adafactor_lr <= 1000)) {
      return absl::InvalidArgumentError(
          absl::StrCat("lr_scheduler is '", given,
                       "', expected adafactor:LR with a learning rate"));
    }
  }
  for (const LrKind& kind : AllLrKinds()) {
    if (kind.name == name) return &kind;
  }
  const std::vector<std::string> names = LrScheduleNames();
  return absl::InvalidArgumentError(
      absl::StrCat("lr_scheduler '", given, "' is not known, allowed are ",
                   absl::StrJoin(names, ", "), DidYouMean(given, names)));
}

// A warmup that such a schedule would not heed is refused.
absl::Status CheckTypeTakesNoWarmup(const LrScheduleOptions& options) {
  ASSIGN_OR_RETURN(const int64_t warmup,
                   ParseStepCount(options.warmup_steps, options.total_steps,
                                  "lr_warmup_steps"));
  if (warmup == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("lr_warmup_steps is ", options.warmup_steps,
                   ", must be 0 with lr_scheduler_type ", options.type));
}

}  // namespace

absl::StatusOr<int64_t> ParseStepCount(std::string_view text,
                                       int64_t total_steps,
                                       std::string_view option) {
  absl::string_view number(text.data(), text.size());
  const bool is_percentage = absl::ConsumeSuffix(&number, "%");
  double value = 0;
  const bool is_number = absl::SimpleAtod(number, &value);
  const double share = is_percentage ? value / 100 : value;
  const bool is_share = is_percentage ? share <= 1 : share < 1;
  const bool is_count =
      !is_percentage && value == std::floor(value) && value <= 1e15;
  if (!is_number || value < 0 || !(is_share || is_count)) {
    return absl::InvalidArgumentError(absl::StrCat(
        std::string(option), " is '", std::string(text),
        "', expected a number of steps, a share below 1, or a percentage up "
        "to 100%"));
  }
  return static_cast<int64_t>(
      is_share ? share * static_cast<double>(total_steps) : value);
}

absl::StatusOr<LrSchedule> LrSchedule::Make(const LrScheduleOptions& options) {
  if (!options.type.empty()) {
    RETURN_IF_ERROR(CheckTypeTakesNoWarmup(options));
    ASSIGN_OR_RETURN(LrOfStep lr, MakeTorchLr(options.type, options.args));
    return LrSchedule(std::move(lr));
  }
  LrShape shape;
  ASSIGN_OR_RETURN(const LrKind* kind, FindKind(options.name, shape));
  shape.total = options.total_steps;
  ASSIGN_OR_RETURN(shape.warmup,
                   ParseStepCount(options.warmup_steps, options.total_steps,
                                  "lr_warmup_steps"));
  ASSIGN_OR_RETURN(shape.decay,
                   ParseStepCount(options.decay_steps, options.total_steps,
                                  "lr_decay_steps"));
  shape.cycles = static_cast<double>(options.num_cycles);
  shape.power = options.power;
  shape.timescale = static_cast<double>(options.timescale.value_or(0));
  shape.min_ratio = options.min_lr_ratio.value_or(0);
  RETURN_IF_ERROR(ReadArguments(*kind, options, shape));
  RETURN_IF_ERROR(CheckRanges(*kind, shape, options));
  return LrSchedule([kind, shape](int64_t step, double base_lr) {
    return base_lr * LrFactor(*kind, shape, step, base_lr);
  });
}

double LrSchedule::At(int64_t step, double base_lr) const {
  return lr_(step, base_lr);
}

std::vector<std::string> LrScheduleNames() {
  std::vector<std::string> names;
  for (const LrKind& kind : AllLrKinds()) names.emplace_back(kind.name);
  return names;
}

}  // namespace atelier::trainer
