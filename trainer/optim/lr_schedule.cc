#include "trainer/optim/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr double kPolynomialEnd = 1e-7;  // Transformers' default lr_end
constexpr int64_t kDefaultTimescale = 10000;

// What the shapes of all schedules depend on.
struct Shape {
  int64_t total = 0;
  int64_t warmup = 0;
  int64_t decay = 0;
  double cycles = 1;
  double power = 1;
  double timescale = 0;  // 0: not given
  double min_ratio = 0;
  std::vector<std::pair<int64_t, double>> rules;  // the factor until that step
  double last_factor = 1;
};

double Ratio(int64_t part, int64_t whole) {
  return static_cast<double>(part) /
         static_cast<double>(std::max<int64_t>(1, whole));
}

// 1 to 0 over the steps after the warmup, beyond 1 past the end.
double Progress(const Shape& shape, int64_t step) {
  return Ratio(step - shape.warmup, shape.total - shape.warmup);
}

double HalfCosine(double turns) {
  return 0.5 * (1 + std::cos(std::numbers::pi * turns));
}

double Constant(const Shape&, int64_t, double) { return 1; }

double Linear(const Shape& shape, int64_t step, double) {
  return std::max(0.0, Ratio(shape.total - step, shape.total - shape.warmup));
}

double Cosine(const Shape& shape, int64_t step, double) {
  return HalfCosine(Progress(shape, step));
}

double CosineWithRestarts(const Shape& shape, int64_t step, double) {
  const double progress = Progress(shape, step);
  if (progress >= 1) return 0;
  return HalfCosine(std::fmod(shape.cycles * progress, 1.0));
}

double CosineWithMinLr(const Shape& shape, int64_t step, double) {
  const double factor = HalfCosine(shape.cycles * Progress(shape, step));
  return factor * (1 - shape.min_ratio) + shape.min_ratio;
}

double Polynomial(const Shape& shape, int64_t step, double base_lr) {
  if (base_lr <= 0) return 0;
  const double end = std::min(kPolynomialEnd, base_lr);
  if (step > shape.total) return end / base_lr;
  const double left = std::max(0.0, 1 - Progress(shape, step));
  return ((base_lr - end) * std::pow(left, shape.power) + end) / base_lr;
}

double InverseSqrt(const Shape& shape, int64_t step, double) {
  double timescale = shape.timescale;
  if (timescale == 0) {
    timescale = static_cast<double>(shape.warmup > 0 ? shape.warmup
                                                     : kDefaultTimescale);
  }
  const double shifted = static_cast<double>(step - shape.warmup) + timescale;
  return 1 / std::sqrt(shifted / timescale);
}

double WarmupStableDecay(const Shape& shape, int64_t step, double) {
  const int64_t decay_start = shape.total - shape.decay;
  if (step < decay_start) return 1;
  if (step >= shape.total) return shape.min_ratio;
  const double factor =
      HalfCosine(shape.cycles * Ratio(step - decay_start, shape.decay));
  return factor * (1 - shape.min_ratio) + shape.min_ratio;
}

double PiecewiseConstant(const Shape& shape, int64_t step, double) {
  for (const auto& [until, factor] : shape.rules) {
    if (step < until) return factor;
  }
  return shape.last_factor;
}

struct Kind {
  std::string_view name;
  double (*factor)(const Shape& shape, int64_t step, double base_lr);
  bool takes_warmup;
};

constexpr Kind kKinds[] = {
    {"constant", Constant, false},
    {"constant_with_warmup", Constant, true},
    {"linear", Linear, true},
    {"cosine", Cosine, true},
    {"cosine_with_restarts", CosineWithRestarts, true},
    {"cosine_with_min_lr", CosineWithMinLr, true},
    {"polynomial", Polynomial, true},
    {"inverse_sqrt", InverseSqrt, true},
    {"warmup_stable_decay", WarmupStableDecay, true},
    {"piecewise_constant", PiecewiseConstant, false},
};

// The warmup rises to 1; with a floor only where the whole schedule has one.
double WarmupFactor(const Kind& kind, const Shape& shape, int64_t step) {
  const double factor = Ratio(step, shape.warmup);
  if (kind.factor != WarmupStableDecay) return factor;
  return factor * (1 - shape.min_ratio) + shape.min_ratio;
}

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
absl::Status ParseRules(absl::string_view text, Shape& shape) {
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

absl::Status ParseArgs(const LrScheduleOptions& options, Shape& shape) {
  const bool is_piecewise = options.name == "piecewise_constant";
  for (const std::string& arg : options.args) {
    absl::string_view value = arg;
    if (!is_piecewise || !absl::ConsumePrefix(&value, "step_rules=")) {
      return absl::InvalidArgumentError(absl::StrCat(
          "lr_scheduler_args has '", arg, "', which ", options.name,
          " does not take",
          is_piecewise ? ", expected step_rules=FACTOR:STEP,…,FACTOR" : ""));
    }
    for (const absl::string_view quote : {"\"", "'"}) {
      if (absl::ConsumePrefix(&value, quote))
        absl::ConsumeSuffix(&value, quote);
    }
    RETURN_IF_ERROR(ParseRules(value, shape));
  }
  if (is_piecewise && options.args.empty()) {
    return absl::InvalidArgumentError(
        "lr_scheduler piecewise_constant needs lr_scheduler_args "
        "step_rules=FACTOR:STEP,…,FACTOR");
  }
  return absl::OkStatus();
}

absl::Status CheckRanges(const Kind& kind, const Shape& shape,
                         const LrScheduleOptions& options) {
  const auto refuse = [&](absl::string_view what) {
    return absl::InvalidArgumentError(
        absl::StrCat("lr_scheduler ", options.name, ": ", what));
  };
  if (!kind.takes_warmup && shape.warmup > 0) {
    return refuse(absl::StrCat("lr_warmup_steps is ", options.warmup_steps,
                               ", must be 0; constant_with_warmup takes it"));
  }
  if (options.name == "cosine_with_min_lr" && !options.min_lr_ratio) {
    return refuse("lr_scheduler_min_lr_ratio must be set");
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

absl::StatusOr<const Kind*> FindKind(const std::string& name) {
  for (const Kind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("lr_scheduler '", name, "' is not known, allowed are ",
                   absl::StrJoin(LrScheduleNames(), ", ")));
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
  ASSIGN_OR_RETURN(const Kind* kind, FindKind(options.name));
  Shape shape;
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
  RETURN_IF_ERROR(ParseArgs(options, shape));
  RETURN_IF_ERROR(CheckRanges(*kind, shape, options));
  return LrSchedule([kind, shape](int64_t step, double base_lr) {
    return step < shape.warmup ? WarmupFactor(*kind, shape, step)
                               : kind->factor(shape, step, base_lr);
  });
}

double LrSchedule::At(int64_t step, double base_lr) const {
  return base_lr * factor_(step, base_lr);
}

std::vector<std::string> LrScheduleNames() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

}  // namespace atelier::trainer
