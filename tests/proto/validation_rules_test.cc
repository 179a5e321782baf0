#include "proto/cc/validation_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/number_list.h"
#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "proto/cc/options_validate.h"
#include "tests/proto/violations.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

v1::TrainingConfig ConfigWith(const std::vector<std::string>& flags) {
  v1::TrainingConfig config;
  config.mutable_model()->set_pretrained_model_name_or_path("/m.safetensors");
  config.mutable_dataset()->set_train_data_dir("/d");
  config.mutable_dataset()->set_resolution("512");
  EXPECT_THAT(OptionsFromFlags(flags, "/", &config), IsEmpty());
  return config;
}

struct RuleCase {
  std::vector<std::string> flags;
  std::string option;  // the one blamed; empty: nothing is
};

TEST(ValidationRulesTest, BlameTheOptionThatIsToBeChanged) {
  const std::vector<RuleCase> cases = {
      {{"--ema_decay", "0.999"}, ""},
      {{"--ema_decay", "0.999, 0.9999"}, ""},
      {{"--ema_decay", "1"}, "ema_decay"},
      {{"--ema_decay", "0"}, "ema_decay"},
      {{"--ema_decay", "0.9,0.90"}, "ema_decay"},
      {{"--ema_decay", "9e-1"}, "ema_decay"},
      {{"--ema_decay", "fast"}, "ema_decay"},
      {{"--ema_decay", "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9"}, "ema_decay"},
      {{"--validation_timesteps", "0,500,999"}, ""},
      {{"--validation_timesteps", "500,100"}, "validation_timesteps"},
      {{"--validation_timesteps", "1000"}, "validation_timesteps"},
      {{"--validation_timesteps", "5,"}, "validation_timesteps"},
      {{"--early_stop_patience", "3"}, "early_stop_patience"},
      {{"--early_stop_patience", "3", "--validation_split", "0.1"}, ""},
      {{"--keep_best"}, "keep_best"},
      {{"--keep_best", "--validation_split", "0.1"}, ""},
      {{"--allow_changed", "dataset", "learning_rate"}, ""},
      {{"--allow_changed", "learning_rat"}, "allow_changed"},
      {{"--on_nonfinite", "rollback"}, ""},
  };
  for (const RuleCase& rule : cases) {
    SCOPED_TRACE(::testing::PrintToString(rule.flags));
    const auto violations =
        ValidateTraining(v1::ARCHITECTURE_SD1, ConfigWith(rule.flags));
    if (rule.option.empty()) {
      EXPECT_THAT(Messages(violations), IsEmpty());
    } else {
      EXPECT_THAT(Fields(violations),
                  ElementsAre(FindOption(rule.option)->path));
    }
  }
}

TEST(ValidationRulesTest, WhatDoesNothingIsSaid) {
  std::vector<std::string> warnings;
  const v1::TrainingConfig config =
      ConfigWith({"--ema_warmup", "--guard_every_n_steps", "5",
                  "--validate_every_n_steps", "3"});
  AddValidationWarnings(config, config, &warnings);
  EXPECT_THAT(warnings,
              ElementsAre("ema_warmup has no effect without ema_decay",
                          "guard_every_n_steps has no effect without "
                          "on_nonfinite rollback or loss_spike_threshold",
                          "validate_every_n_steps has no effect without "
                          "validation_split"));
}

TEST(NumberListTest, KeepsWhatWasTyped) {
  const auto numbers = ParseNumberList("0.990, 5");
  ASSERT_TRUE(numbers.has_value());
  ASSERT_EQ(numbers->size(), 2u);
  EXPECT_EQ((*numbers)[0].text, "0.990");
  EXPECT_EQ((*numbers)[1].value, 5);
  EXPECT_FALSE(ParseNumberList("").has_value());
  EXPECT_FALSE(ParseNumberList("nan").has_value());
}

}  // namespace
}  // namespace atelier
