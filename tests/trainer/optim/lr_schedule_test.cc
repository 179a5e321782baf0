#include "trainer/optim/lr_schedule.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer::lr_schedule_test {
namespace {

using ::testing::HasSubstr;

LrScheduleOptions Named(const std::string& name) {
  LrScheduleOptions options;
  options.name = name;
  options.total_steps = 100;
  return options;
}

void ExpectRefused(const LrScheduleOptions& options,
                   const std::string& reason) {
  const auto schedule = LrSchedule::Make(options);
  EXPECT_EQ(schedule.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(schedule.status().message()), HasSubstr(reason));
}

TEST(ParseStepCountTest, CountsSharesAndPercentagesAreRead) {
  EXPECT_EQ(*ParseStepCount("25", 40, "lr_warmup_steps"), 25);
  EXPECT_EQ(*ParseStepCount("0", 40, "lr_warmup_steps"), 0);
  EXPECT_EQ(*ParseStepCount("0.25", 41, "lr_warmup_steps"), 10);
  EXPECT_EQ(*ParseStepCount("10%", 40, "lr_warmup_steps"), 4);
  EXPECT_EQ(*ParseStepCount("100%", 40, "lr_warmup_steps"), 40);
}

TEST(ParseStepCountTest, AnythingElseIsRefusedByName) {
  for (const char* text : {"", "-1", "2.5", "101%", "ten", "nan", "1e300"}) {
    const auto steps = ParseStepCount(text, 40, "lr_warmup_steps");
    EXPECT_FALSE(steps.ok()) << text;
    EXPECT_THAT(std::string(steps.status().message()),
                HasSubstr("lr_warmup_steps is '"));
  }
}

TEST(LrScheduleTest, UnknownNameIsRefusedWithThoseThatExist) {
  ExpectRefused(Named("cosin"), "constant_with_warmup");
}

TEST(LrScheduleTest, ConstantTakesNoWarmup) {
  LrScheduleOptions options = Named("constant");
  options.warmup_steps = "5";
  ExpectRefused(options, "must be 0");
}

TEST(LrScheduleTest, NeedsOfASchedulesAreNamed) {
  ExpectRefused(Named("cosine_with_min_lr"), "lr_scheduler_min_lr_ratio");
  ExpectRefused(Named("piecewise_constant"), "step_rules");
}

TEST(LrScheduleTest, BrokenRulesAreRefused) {
  for (const char* rules : {"step_rules=", "step_rules=1:x,0.5",
                            "step_rules=1,0.5", "steps=1:10,0.5"}) {
    LrScheduleOptions options = Named("piecewise_constant");
    options.args = {rules};
    ExpectRefused(options, "lr_scheduler_args");
  }
}

TEST(LrScheduleTest, EveryScheduleIsFiniteAtAnyStep) {
  for (const std::string& name : LrScheduleNames()) {
    LrScheduleOptions options = Named(name);
    options.total_steps = 1;
    options.min_lr_ratio = 0.1;
    if (name == "piecewise_constant") options.args = {"step_rules=1:10,0.5"};
    const auto schedule = LrSchedule::Make(options);
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    for (const int64_t step : {0, 1, 2, 1000000}) {
      const double lr = schedule->At(step, 1e-8);
      EXPECT_GE(lr, 0) << name;
      EXPECT_LE(lr, 1e-8) << name;
    }
  }
}

TEST(LrScheduleTest, WarmupMayFillTheWholeRun) {
  LrScheduleOptions options = Named("cosine");
  options.warmup_steps = "100%";
  const auto schedule = LrSchedule::Make(options);
  ASSERT_TRUE(schedule.ok()) << schedule.status();
  EXPECT_DOUBLE_EQ(schedule->At(50, 1), 0.5);
  EXPECT_DOUBLE_EQ(schedule->At(100, 1), 1);
}

}  // namespace
}  // namespace atelier::trainer::lr_schedule_test
