#include "trainer/train/validation_options.h"

#include <algorithm>
#include <cmath>

#include "proto/cc/number_list.h"

namespace atelier::trainer {
namespace {

constexpr int kDefaultTimesteps = 5;

std::vector<ListedNumber> Listed(const std::string& text) {
  return ParseNumberList(text).value_or(std::vector<ListedNumber>());
}

// The middles of equal parts of the range that is trained, whole numbers.
std::vector<double> SpreadTimesteps(const v1::LossOptions& loss) {
  const double low = loss.min_timestep();
  const double high = loss.has_max_timestep() ? loss.max_timestep() : 1000;
  std::vector<double> timesteps;
  for (int i = 0; i < kDefaultTimesteps; ++i) {
    const double middle =
        std::floor(low + (i + 0.5) * (high - low) / kDefaultTimesteps);
    if (timesteps.empty() || middle > timesteps.back()) {
      timesteps.push_back(middle);
    }
  }
  return timesteps;
}

}  // namespace

ValidationOptions ReadValidationOptions(const v1::TrainingConfig& config) {
  const v1::ValidationOptions& from = config.validation();
  ValidationOptions options;
  options.every_n_steps = from.validate_every_n_steps();
  options.every_n_epochs = from.validate_every_n_epochs();
  if (options.every_n_steps == 0 && options.every_n_epochs == 0) {
    options.every_n_epochs = 1;
  }
  options.max_batches = from.max_validation_steps();
  for (const ListedNumber& timestep : Listed(from.validation_timesteps())) {
    options.timesteps.push_back(timestep.value);
  }
  if (options.timesteps.empty()) {
    options.timesteps = SpreadTimesteps(config.loss());
  }
  options.patience = from.early_stop_patience();
  options.min_delta = from.early_stop_min_delta();
  options.keep_best = from.keep_best();
  return options;
}

OnOverfit ReadOnOverfit(const v1::TrainingConfig& config) {
  const std::string& choice = config.validation().on_overfit();
  if (choice == "off") return OnOverfit::kOff;
  return choice == "stop" ? OnOverfit::kStop : OnOverfit::kWarn;
}

GuardOptions ReadGuardOptions(const v1::TrainingConfig& config) {
  const v1::RunOptions& run = config.run();
  GuardOptions options;
  options.on_nonfinite = run.on_nonfinite() == "rollback";
  if (run.has_loss_spike_threshold()) {
    options.spike_threshold = run.loss_spike_threshold();
  }
  if (run.has_guard_every_n_steps()) {
    options.every_n_steps = run.guard_every_n_steps();
  }
  if (run.has_max_rollbacks()) options.most_rollbacks = run.max_rollbacks();
  return options;
}

EmaOptions ReadEmaOptions(const v1::TrainingConfig& config) {
  const v1::RunOptions& run = config.run();
  EmaOptions options;
  if (!run.ema_decay().empty()) {
    for (const ListedNumber& decay : Listed(run.ema_decay())) {
      options.decays.push_back({decay.text, decay.value});
    }
  }
  options.start_step = run.ema_start_step();
  options.warmup = run.ema_warmup();
  options.offload = run.ema_offload();
  return options;
}

}  // namespace atelier::trainer
