// Rules of the learning rate's schedule and of what a run writes beside its
// weights.
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_validate.h"
#include "tests/proto/violations.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::TrainingConfig With(std::vector<std::string> flags) {
  for (const char* flag : {"--pretrained_model_name_or_path", "/m",
                           "--train_data_dir", "/d", "--resolution", "512"}) {
    flags.push_back(flag);
  }
  v1::TrainingConfig config;
  EXPECT_THAT(Messages(OptionsFromFlags(flags, "/", &config)), IsEmpty());
  return config;
}

std::vector<std::string> Faults(
    const std::vector<std::string>& flags,
    v1::Architecture architecture = v1::ARCHITECTURE_SD1) {
  return Messages(ValidateTraining(architecture, With(flags)));
}

std::vector<std::string> WarningsOf(const std::vector<std::string>& flags) {
  return OptionWarnings(v1::ARCHITECTURE_SD1, With(flags));
}

TEST(ScheduleRulesTest, EveryScheduleOfSdScriptsIsTaken) {
  for (const char* name : {"constant", "constant_with_warmup", "linear",
                           "cosine", "cosine_with_restarts", "polynomial",
                           "inverse_sqrt", "warmup_stable_decay"}) {
    EXPECT_THAT(Faults({"--lr_scheduler", name}), IsEmpty()) << name;
  }
  EXPECT_THAT(Faults({"--lr_scheduler", "cosine_with_min_lr",
                      "--lr_scheduler_min_lr_ratio", "0.1"}),
              IsEmpty());
  EXPECT_THAT(Faults({"--lr_scheduler", "piecewise_constant",
                      "--lr_scheduler_args", "step_rules=1:10,0.1"}),
              IsEmpty());
}

TEST(ScheduleRulesTest, AnUnknownScheduleIsRefusedWithTheNearest) {
  EXPECT_THAT(Faults({"--lr_scheduler", "cosin"}),
              ElementsAre(HasSubstr("did you mean cosine?")));
  EXPECT_THAT(Faults({"--lr_scheduler_type", "StepLr2"}),
              ElementsAre(HasSubstr("did you mean StepLR?")));
  EXPECT_THAT(
      Faults({"--lr_scheduler_type", "torch.optim.lr_scheduler.ExponentialLR"}),
      IsEmpty());
}

TEST(ScheduleRulesTest, WhatAScheduleNeedsIsNamed) {
  EXPECT_THAT(Faults({"--lr_scheduler", "cosine_with_min_lr"}),
              ElementsAre(HasSubstr("lr_scheduler_min_lr_ratio")));
  EXPECT_THAT(Faults({"--lr_scheduler", "piecewise_constant"}),
              ElementsAre(HasSubstr("step_rules")));
}

TEST(ScheduleRulesTest, WarmupIsRefusedWhereThereIsNone) {
  EXPECT_THAT(Faults({"--lr_scheduler", "constant", "--lr_warmup_steps", "5"}),
              ElementsAre(HasSubstr("use constant_with_warmup")));
  EXPECT_THAT(
      Faults({"--lr_scheduler_type", "StepLR", "--lr_warmup_steps", "10%"}),
      ElementsAre(HasSubstr("lr_scheduler_type StepLR has no")));
}

TEST(ScheduleRulesTest, AdafactorsScheduleNeedsItsRelativeSteps) {
  for (const char* name : {"adafactor", "adafactor:1e-4"}) {
    EXPECT_THAT(Faults({"--lr_scheduler", name}),
                ElementsAre(HasSubstr("optimizer_type Adafactor")));
    EXPECT_THAT(
        Faults({"--lr_scheduler", name, "--optimizer_type", "Adafactor"}),
        IsEmpty());
    EXPECT_THAT(Faults({"--lr_scheduler", name, "--optimizer_type", "Adafactor",
                        "--optimizer_args", "relative_step=False"}),
                ElementsAre(HasSubstr("relative_step")));
  }
}

TEST(ScheduleRulesTest, OptionsOfOtherSchedulesAreWarnedOf) {
  EXPECT_THAT(
      WarningsOf({"--lr_scheduler", "cosine", "--lr_decay_steps", "5",
                  "--lr_scheduler_timescale", "10",
                  "--lr_scheduler_min_lr_ratio", "0.1", "--lr_scheduler_power",
                  "2", "--lr_scheduler_num_cycles", "2"}),
      ::testing::SizeIs(5));
  EXPECT_THAT(
      WarningsOf({"--lr_scheduler", "cosine", "--lr_scheduler_type", "StepLR"}),
      ElementsAre(HasSubstr("overruled by lr_scheduler_type")));
}

TEST(OutputRulesTest, WeightedCaptionsExcludeCachedTexts) {
  EXPECT_THAT(Faults({"--weighted_captions", "--cache_text_encoder_outputs"},
                     v1::ARCHITECTURE_SDXL),
              ElementsAre(HasSubstr("weighted_captions cannot be used")));
  EXPECT_THAT(Faults({"--weighted_captions", "--no_token_padding"}),
              ElementsAre(HasSubstr("no_token_padding")));
}

TEST(OutputRulesTest, OtherTrackersAreRefusedWithThoseThatExist) {
  v1::TrainingConfig config;
  EXPECT_THAT(Messages(OptionsFromFlags({"--log_with", "wandb"}, "/", &config)),
              ElementsAre(HasSubstr("tensorboard, csv, jsonl, all")));
  EXPECT_THAT(Faults({"--logging_dir", "/l", "--log_prefix", "a/b"}),
              ElementsAre(HasSubstr("log_prefix")));
  EXPECT_THAT(WarningsOf({"--log_with", "csv"}),
              ElementsAre(HasSubstr("without logging_dir")));
}

TEST(OutputRulesTest, OptionsThatChangeNothingAreWarnedOf) {
  EXPECT_THAT(WarningsOf({"--use_safetensors"}),
              ElementsAre(HasSubstr("save_model_as ckpt or diffusers")));
  EXPECT_THAT(
      WarningsOf({"--save_n_epoch_ratio", "2", "--save_every_n_epochs", "3"}),
      ElementsAre(HasSubstr("overruled by save_n_epoch_ratio")));
}

TEST(OutputRulesTest, ARatioOfEpochsCountsAsSavingByEpochs) {
  EXPECT_THAT(
      Faults({"--save_n_epoch_ratio", "2", "--save_last_n_epochs", "1"}),
      IsEmpty());
}

}  // namespace
}  // namespace atelier
