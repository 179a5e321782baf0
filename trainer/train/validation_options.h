// The job's options of validation, moving averages and going back, as options.h
// has the others.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "atelier/v1/training_config.pb.h"
#include "trainer/optim/ema.h"

namespace atelier::trainer {

// 0 stands for "never" and "all".
struct ValidationOptions {
  int64_t every_n_steps = 0;
  int64_t every_n_epochs = 0;
  int64_t max_batches = 0;
  std::vector<double> timesteps;  // ascending
  int64_t patience = 0;
  double min_delta = 0;
  bool keep_best = false;
};

enum class OnOverfit { kOff, kWarn, kStop };

// When the run goes back to its guard state.
struct GuardOptions {
  bool on_nonfinite = false;
  std::optional<double> spike_threshold;
  int64_t every_n_steps = 100;
  int64_t most_rollbacks = 5;

  bool is_on() const { return on_nonfinite || spike_threshold.has_value(); }
};

// `config` was validated at submission.
ValidationOptions ReadValidationOptions(const v1::TrainingConfig& config);
OnOverfit ReadOnOverfit(const v1::TrainingConfig& config);
GuardOptions ReadGuardOptions(const v1::TrainingConfig& config);
EmaOptions ReadEmaOptions(const v1::TrainingConfig& config);

}  // namespace atelier::trainer
