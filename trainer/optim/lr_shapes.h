// The shapes of learning rate schedules by name, as factors of the base rate.
//
// Source: Transformers' and Diffusers' optimization.py.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/types/span.h"

#include "trainer/optim/lr_arguments.h"

namespace atelier::trainer {

// How the warmup and the decay of warmup_stable_decay go.
enum class LrRamp { kLinear, kCosine, kOneMinusSqrt };

// What the shapes depend on.
struct LrShape {
  int64_t total = 0;
  int64_t warmup = 0;
  int64_t decay = 0;
  double cycles = 1;
  double power = 1;
  double timescale = 0;  // 0: not given
  double min_ratio = 0;
  double min_lr = 0;     // a floor that is no ratio
  double end_lr = 1e-7;  // of polynomial; Transformers' default
  LrRamp warmup_ramp = LrRamp::kLinear;
  LrRamp decay_ramp = LrRamp::kCosine;
  double adafactor_lr = 0;                        // 0: the base rate
  std::vector<std::pair<int64_t, double>> rules;  // the factor until that step
  double last_factor = 1;
};

struct LrKind {
  std::string_view name;
  // From the end of the warmup on.
  double (*factor)(const LrShape& shape, int64_t step, double base_lr);
  bool takes_warmup;
  absl::Span<const LrArgument> arguments;
};

absl::Span<const LrKind> AllLrKinds();

// The factor of step `step`, counted from 0, warmup included.
double LrFactor(const LrKind& kind, const LrShape& shape, int64_t step,
                double base_lr);

}  // namespace atelier::trainer
