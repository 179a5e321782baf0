#include "proto/cc/optimizer_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/options_schema.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// `config` with the defaults that the rules look at.
v1::TrainingConfig Filled(v1::TrainingConfig config) {
  v1::RunOptions& run = *config.mutable_run();
  if (!run.has_mixed_precision()) run.set_mixed_precision("no");
  if (!run.has_fused_clip()) run.set_fused_clip("exact");
  if (!run.has_on_nonfinite()) run.set_on_nonfinite("stop");
  v1::OptimizerOptions& optimizer = *config.mutable_optimizer();
  if (!optimizer.has_optimizer_type()) optimizer.set_optimizer_type("AdamW");
  if (!optimizer.has_lr_scheduler()) optimizer.set_lr_scheduler("constant");
  if (!optimizer.has_learning_rate()) optimizer.set_learning_rate(2e-6);
  return config;
}

std::vector<std::string> Faults(const v1::TrainingConfig& config) {
  std::vector<Violation> violations;
  CheckOptimizerRules(Filled(config), RuleReport(&violations));
  std::vector<std::string> faults;
  for (const Violation& violation : violations) {
    faults.push_back(violation.message);
  }
  return faults;
}

std::vector<std::string> Warnings(const v1::TrainingConfig& config) {
  std::vector<std::string> warnings;
  AddOptimizerWarnings(config, Filled(config), &warnings);
  return warnings;
}

TEST(OptimizerRulesTest, NamesAreTakenInAnyLetterCase) {
  v1::TrainingConfig config;
  EXPECT_THAT(Faults(config), IsEmpty());
  config.mutable_optimizer()->set_optimizer_type("pagedadamw8BIT");
  EXPECT_THAT(Faults(config), IsEmpty());
}

TEST(OptimizerRulesTest, AnUnknownNameIsRefusedWithTheNearestAndAll) {
  v1::TrainingConfig config;
  config.mutable_optimizer()->set_optimizer_type("AdamW8bt");
  EXPECT_THAT(Faults(config),
              ElementsAre(::testing::AllOf(HasSubstr("did you mean AdamW8bit?"),
                                           HasSubstr("Adafactor, Prodigy"))));
}

TEST(OptimizerRulesTest, OlderNamesExcludeOthers) {
  v1::TrainingConfig config;
  config.mutable_optimizer()->set_use_8bit_adam(true);
  EXPECT_THAT(Faults(config), IsEmpty());
  config.mutable_optimizer()->set_optimizer_type("Lion");
  EXPECT_THAT(Faults(config),
              ElementsAre(HasSubstr("use_8bit_adam means optimizer_type "
                                    "AdamW8bit, but optimizer_type is Lion")));
  config.mutable_optimizer()->clear_optimizer_type();
  config.mutable_optimizer()->set_use_lion_optimizer(true);
  EXPECT_THAT(Faults(config), ElementsAre(HasSubstr("both given")));
}

TEST(OptimizerRulesTest, HalfWeightsNeedTheirPrecision) {
  v1::TrainingConfig config;
  config.mutable_run()->set_full_bf16(true);
  EXPECT_THAT(Faults(config),
              ElementsAre("full_bf16 needs mixed_precision bf16, which is no"));
  config.mutable_run()->set_mixed_precision("bf16");
  EXPECT_THAT(Faults(config), IsEmpty());
  config.mutable_run()->set_full_fp16(true);
  EXPECT_THAT(Faults(config),
              ElementsAre("full_fp16 needs mixed_precision fp16, which is "
                          "bf16"));
}

TEST(OptimizerRulesTest, ClippingByThePreviousNormCannotLeaveStepsOut) {
  v1::TrainingConfig config;
  config.mutable_run()->set_fused_backward_pass(true);
  config.mutable_run()->set_fused_clip("previous");
  EXPECT_THAT(Faults(config), IsEmpty());
  config.mutable_run()->set_on_nonfinite("skip");
  EXPECT_THAT(Faults(config), ElementsAre(HasSubstr("on_nonfinite skip")));
  config.mutable_run()->set_on_nonfinite("stop");
  config.mutable_run()->set_mixed_precision("fp16");
  EXPECT_THAT(Faults(config), ElementsAre(HasSubstr("mixed_precision fp16")));
}

TEST(OptimizerRulesTest, WhatAnOptimizerMakesNothingOfIsSaid) {
  v1::TrainingConfig config;
  config.mutable_optimizer()->set_optimizer_type("prodigy");
  config.mutable_optimizer()->set_learning_rate(1e-5);
  EXPECT_THAT(Warnings(config), ElementsAre(HasSubstr("1 is usual")));
  config.mutable_optimizer()->set_learning_rate(1);
  EXPECT_THAT(Warnings(config), IsEmpty());
  config.mutable_optimizer()->set_optimizer_type("AdamWScheduleFree");
  config.mutable_optimizer()->set_lr_scheduler("cosine");
  EXPECT_THAT(Warnings(config), ElementsAre(HasSubstr("which needs none")));
  config.mutable_optimizer()->set_optimizer_type("Adafactor");
  EXPECT_THAT(Warnings(config), ElementsAre(HasSubstr("relative_step=False")));
  config.mutable_optimizer()->add_optimizer_args("relative_step=False");
  EXPECT_THAT(Warnings(config), IsEmpty());
  config.mutable_run()->set_fused_clip("previous");
  EXPECT_THAT(Warnings(config), ElementsAre(HasSubstr("fused_clip has no")));
}

}  // namespace
}  // namespace atelier
