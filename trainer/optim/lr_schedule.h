// The learning rate of every step.
//
// Source: Transformers' and Diffusers' optimization.py, which sd-scripts calls.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/optim/torch_lr_schedule.h"

namespace atelier::trainer {

// Fields have the names of their options without `lr_` and `lr_scheduler_`.
struct LrScheduleOptions {
  // One of LrScheduleNames(), or `adafactor:LR`.
  std::string name = "constant";
  std::string type;  // lr_scheduler_type; takes the place of the name
  int64_t total_steps = 0;
  std::string warmup_steps = "0";  // as ParseStepCount
  std::string decay_steps = "0";
  int64_t num_cycles = 1;
  double power = 1;
  std::optional<int64_t> timescale;
  std::optional<double> min_lr_ratio;
  // `key=value`; piecewise_constant takes
  // step_rules="1:10,0.1:20,0.005": the factor until that step, the last for
  // the rest. What others take is in lr_shapes.cc and torch_lr_schedule.cc.
  std::vector<std::string> args;
};

// A number of steps as `100`, as a share of the total below 1 (`0.1`), or as a
// percentage (`10%`); shares round down.
//
// Errors: INVALID_ARGUMENT naming `option`.
absl::StatusOr<int64_t> ParseStepCount(std::string_view text,
                                       int64_t total_steps,
                                       std::string_view option);

class LrSchedule {
 public:
  // Errors: INVALID_ARGUMENT: an unknown name, with those that exist; options
  // that the schedule needs or does not take.
  static absl::StatusOr<LrSchedule> Make(const LrScheduleOptions& options);

  // The learning rate that step `step` uses, counted from 0; any step, also
  // past the end.
  double At(int64_t step, double base_lr) const;

 private:
  explicit LrSchedule(LrOfStep lr) : lr_(std::move(lr)) {}

  LrOfStep lr_;
};

// The names that LrSchedule::Make takes.
std::vector<std::string> LrScheduleNames();

}  // namespace atelier::trainer
