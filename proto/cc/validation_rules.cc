#include "proto/cc/validation_rules.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "absl/strings/str_cat.h"

#include "proto/cc/number_list.h"
#include "proto/cc/options_schema.h"

namespace atelier {
namespace {

constexpr size_t kMostDecays = 8;
constexpr double kLastTimestep = 999;

void CheckDecays(const v1::RunOptions& run, RuleReport report) {
  if (!run.has_ema_decay()) return;
  const auto decays = ParseNumberList(run.ema_decay());
  // They become part of file names, so nothing like +9e-1.
  const auto is_plain = [](const ListedNumber& decay) {
    return decay.value > 0 && decay.value < 1 &&
           std::all_of(decay.text.begin(), decay.text.end(),
                       [](unsigned char c) {
                         return std::isdigit(c) != 0 || c == '.';
                       });
  };
  std::set<double> different;
  bool good = decays.has_value() && decays->size() <= kMostDecays;
  for (const ListedNumber& decay :
       decays.value_or(std::vector<ListedNumber>())) {
    good = good && is_plain(decay) && different.insert(decay.value).second;
  }
  report.Require(good, "ema_decay",
                 absl::StrCat("ema_decay is \"", run.ema_decay(),
                              "\"; must be 1 to ", kMostDecays,
                              " different numbers above 0 and below 1, as "
                              "0.999,0.9999"));
}

void CheckTimesteps(const v1::ValidationOptions& validation,
                    RuleReport report) {
  if (!validation.has_validation_timesteps()) return;
  const auto timesteps = ParseNumberList(validation.validation_timesteps());
  bool good = timesteps.has_value();
  double before = -1;
  for (const ListedNumber& timestep :
       timesteps.value_or(std::vector<ListedNumber>())) {
    good = good && timestep.value > before && timestep.value <= kLastTimestep;
    before = timestep.value;
  }
  report.Require(good, "validation_timesteps",
                 absl::StrCat("validation_timesteps is \"",
                              validation.validation_timesteps(),
                              "\"; must be ascending timesteps from 0 to ",
                              kLastTimestep, ", as 100,500,900"));
}

void CheckAllowed(const v1::RunOptions& run, RuleReport report) {
  for (const std::string& name : run.allow_changed()) {
    report.Require(name == "base_model" || name == "dataset" ||
                       name == "options" || FindOption(name) != nullptr,
                   "allow_changed",
                   absl::StrCat("allow_changed has \"", name,
                                "\"; must be base_model, dataset, options or "
                                "the name of an option"));
  }
}

}  // namespace

void CheckValidationRules(const v1::TrainingConfig& config, RuleReport report) {
  CheckDecays(config.run(), report);
  CheckTimesteps(config.validation(), report);
  CheckAllowed(config.run(), report);
  // A dataset file may hold images out on its own.
  const bool holds_out = config.dataset().validation_split() > 0 ||
                         config.dataset().has_dataset_config();
  report.Require(holds_out || !config.validation().has_early_stop_patience(),
                 "early_stop_patience",
                 "early_stop_patience needs validation_split, which holds "
                 "images out to measure the loss on");
  report.Require(holds_out || !config.validation().keep_best(), "keep_best",
                 "keep_best needs validation_split, which holds images out to "
                 "measure the loss on");
}

void AddValidationWarnings(const v1::TrainingConfig& given,
                           const v1::TrainingConfig& filled,
                           std::vector<std::string>* warnings) {
  const v1::RunOptions& run = filled.run();
  const bool holds_out = filled.dataset().validation_split() > 0 ||
                         filled.dataset().has_dataset_config();
  const bool guards =
      run.on_nonfinite() == "rollback" || run.has_loss_spike_threshold();
  const char* const kGuard = "on_nonfinite rollback or loss_spike_threshold";
  const struct {
    const char* option;
    bool has_effect;
    const char* without;
  } effects[] = {
      {"ema_start_step", run.has_ema_decay(), "ema_decay"},
      {"ema_warmup", run.has_ema_decay(), "ema_decay"},
      {"ema_offload", run.has_ema_decay(), "ema_decay"},
      {"sample_with_ema", run.has_ema_decay(), "ema_decay"},
      {"guard_every_n_steps", guards, kGuard},
      {"max_rollbacks", guards, kGuard},
      {"validate_every_n_steps", holds_out, "validation_split"},
      {"validate_every_n_epochs", holds_out, "validation_split"},
      {"max_validation_steps", holds_out, "validation_split"},
      {"validation_timesteps", holds_out, "validation_split"},
      {"early_stop_min_delta", filled.validation().has_early_stop_patience(),
       "early_stop_patience"},
  };
  for (const auto& effect : effects) {
    if (effect.has_effect || !IsSet(*FindOption(effect.option), given)) {
      continue;
    }
    warnings->push_back(
        absl::StrCat(effect.option, " has no effect without ", effect.without));
  }
}

}  // namespace atelier
