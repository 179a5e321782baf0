#include "trainer/optim/lr_shapes.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace atelier::trainer {
namespace {

constexpr int64_t kDefaultTimescale = 10000;

double Ratio(int64_t part, int64_t whole) {
  return static_cast<double>(part) /
         static_cast<double>(std::max<int64_t>(1, whole));
}

// 0 to 1 over the steps after the warmup, beyond 1 past the end.
double Progress(const LrShape& shape, int64_t step) {
  return Ratio(step - shape.warmup, shape.total - shape.warmup);
}

double HalfCosine(double turns) {
  return 0.5 * (1 + std::cos(std::numbers::pi * turns));
}

double WithFloor(double factor, double floor) {
  return std::max(0.0, factor * (1 - floor) + floor);
}

// The floor as a share of the base rate.
double FloorRatio(const LrShape& shape, double base_lr) {
  if (shape.min_lr <= 0) return shape.min_ratio;
  return base_lr > 0 ? std::min(1.0, shape.min_lr / base_lr) : 0;
}

double Constant(const LrShape&, int64_t, double) { return 1; }

double Linear(const LrShape& shape, int64_t step, double) {
  return std::max(0.0, Ratio(shape.total - step, shape.total - shape.warmup));
}

double Cosine(const LrShape& shape, int64_t step, double) {
  return std::max(0.0, HalfCosine(shape.cycles * Progress(shape, step)));
}

double CosineWithRestarts(const LrShape& shape, int64_t step, double) {
  const double progress = Progress(shape, step);
  if (progress >= 1) return 0;
  return HalfCosine(std::fmod(shape.cycles * progress, 1.0));
}

double CosineWithMinLr(const LrShape& shape, int64_t step, double base_lr) {
  return WithFloor(HalfCosine(shape.cycles * Progress(shape, step)),
                   FloorRatio(shape, base_lr));
}

double Polynomial(const LrShape& shape, int64_t step, double base_lr) {
  if (base_lr <= 0) return 0;
  const double end = std::min(shape.end_lr, base_lr);
  if (step > shape.total) return end / base_lr;
  const double left = std::max(0.0, 1 - Progress(shape, step));
  return ((base_lr - end) * std::pow(left, shape.power) + end) / base_lr;
}

double InverseSqrt(const LrShape& shape, int64_t step, double) {
  double timescale = shape.timescale;
  if (timescale == 0) {
    timescale = static_cast<double>(shape.warmup > 0 ? shape.warmup
                                                     : kDefaultTimescale);
  }
  const double shifted = static_cast<double>(step - shape.warmup) + timescale;
  return 1 / std::sqrt(shifted / timescale);
}

double WarmupStableDecay(const LrShape& shape, int64_t step, double) {
  const int64_t decay_start = shape.total - shape.decay;
  if (step < decay_start) return 1;
  if (step >= shape.total) return shape.min_ratio;
  const double progress = Ratio(step - decay_start, shape.decay);
  double factor = 1 - progress;
  if (shape.decay_ramp == LrRamp::kCosine) {
    factor = HalfCosine(shape.cycles * progress);
  } else if (shape.decay_ramp == LrRamp::kOneMinusSqrt) {
    factor = 1 - std::sqrt(progress);
  }
  return WithFloor(factor, shape.min_ratio);
}

double PiecewiseConstant(const LrShape& shape, int64_t step, double) {
  for (const auto& [until, factor] : shape.rules) {
    if (step < until) return factor;
  }
  return shape.last_factor;
}

double AdafactorsOwn(const LrShape& shape, int64_t, double base_lr) {
  if (shape.adafactor_lr <= 0 || base_lr <= 0) return 1;
  return shape.adafactor_lr / base_lr;
}

// The warmup rises to 1; with a floor only where the whole schedule has one.
double WarmupFactor(const LrKind& kind, const LrShape& shape, int64_t step) {
  const double progress = Ratio(step, shape.warmup);
  if (kind.factor != WarmupStableDecay) return progress;
  double factor = progress;
  if (shape.warmup_ramp == LrRamp::kCosine) {
    factor = 1 - HalfCosine(progress);
  } else if (shape.warmup_ramp == LrRamp::kOneMinusSqrt) {
    factor = 1 - std::sqrt(1 - progress);
  }
  return WithFloor(factor, shape.min_ratio);
}

constexpr LrArgument kCosineArguments[] = {{"num_cycles", "0.5"}};
constexpr LrArgument kPolynomialArguments[] = {{"lr_end", "1e-7"}};
constexpr LrArgument kMinLrArguments[] = {{"min_lr", "None"}};
constexpr LrArgument kRampArguments[] = {
    {"warmup_type", "linear", LrArgument::Kind::kText, 0,
     "linear|cosine|1-sqrt"},
    {"decay_type", "cosine", LrArgument::Kind::kText, 0,
     "linear|cosine|1-sqrt"}};
constexpr LrArgument kRuleArguments[] = {
    {"step_rules", "", LrArgument::Kind::kText}};

constexpr LrKind kLrKinds[] = {
    {"constant", Constant, false, {}},
    {"constant_with_warmup", Constant, true, {}},
    {"linear", Linear, true, {}},
    {"cosine", Cosine, true, kCosineArguments},
    {"cosine_with_restarts", CosineWithRestarts, true, {}},
    {"polynomial", Polynomial, true, kPolynomialArguments},
    {"inverse_sqrt", InverseSqrt, true, {}},
    {"cosine_with_min_lr", CosineWithMinLr, true, kMinLrArguments},
    {"warmup_stable_decay", WarmupStableDecay, true, kRampArguments},
    {"piecewise_constant", PiecewiseConstant, false, kRuleArguments},
    {"adafactor", AdafactorsOwn, false, {}},
};

}  // namespace

absl::Span<const LrKind> AllLrKinds() { return kLrKinds; }

double LrFactor(const LrKind& kind, const LrShape& shape, int64_t step,
                double base_lr) {
  return step < shape.warmup ? WarmupFactor(kind, shape, step)
                             : kind.factor(shape, step, base_lr);
}

}  // namespace atelier::trainer
