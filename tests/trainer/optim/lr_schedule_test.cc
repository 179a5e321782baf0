#include "trainer/optim/lr_schedule.h"

#include "absl/strings/str_cat.h"
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
  ExpectRefused(Named("cosin"), "did you mean cosine?");
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

std::vector<double> Rates(const LrScheduleOptions& options, int steps,
                          double base_lr) {
  const auto schedule = LrSchedule::Make(options);
  EXPECT_TRUE(schedule.ok()) << schedule.status();
  std::vector<double> rates;
  for (int step = 0; schedule.ok() && step < steps; ++step) {
    rates.push_back(schedule->At(step, base_lr));
  }
  return rates;
}

TEST(LrScheduleTest, ArgumentsChangeTheShapesThatTakeThem) {
  LrScheduleOptions options = Named("polynomial");
  options.args = {"lr_end=0.25"};
  EXPECT_DOUBLE_EQ(Rates(options, 101, 1)[100], 0.25);
  options = Named("cosine");
  options.args = {"num_cycles=1"};
  EXPECT_NEAR(Rates(options, 101, 1)[50], 0, 1e-12);
  EXPECT_NEAR(Rates(options, 101, 1)[100], 1, 1e-12);
  options = Named("cosine_with_min_lr");
  options.args = {"min_lr=0.1"};
  EXPECT_NEAR(Rates(options, 101, 0.5)[100], 0.1, 1e-12);
  options.min_lr_ratio = 0.2;
  ExpectRefused(options, "min_lr");
}

TEST(LrScheduleTest, RampsOfWarmupStableDecayHaveThreeForms) {
  LrScheduleOptions options = Named("warmup_stable_decay");
  options.warmup_steps = "20";
  options.decay_steps = "20%";
  options.min_lr_ratio = 0.2;
  // Transformers' get_wsd_schedule: 0.8 f + 0.2 at a quarter of each ramp.
  const std::pair<const char*, std::pair<double, double>> forms[] = {
      {"linear", {0.4, 0.8}},
      {"cosine", {0.2 + 0.8 * 0.14644661, 0.2 + 0.8 * 0.85355339}},
      {"1-sqrt", {0.2 + 0.8 * 0.13397460, 0.6}}};
  options.num_cycles = 1;
  for (const auto& [form, expected] : forms) {
    options.args = {absl::StrCat("warmup_type=", form),
                    absl::StrCat("decay_type='", form, "'")};
    const std::vector<double> rates = Rates(options, 101, 1);
    EXPECT_NEAR(rates[5], expected.first, 1e-7) << form;
    EXPECT_DOUBLE_EQ(rates[50], 1) << form;
    EXPECT_NEAR(rates[85], expected.second, 1e-7) << form;
    EXPECT_DOUBLE_EQ(rates[100], 0.2) << form;
  }
  options.decay_steps = "90";
  ExpectRefused(options, "more together than the 100 steps");
}

TEST(LrScheduleTest, AdafactorsOwnScheduleShowsTheRateItIsGiven) {
  EXPECT_DOUBLE_EQ(Rates(Named("adafactor:1e-3"), 3, 1e-5)[2], 1e-3);
  EXPECT_DOUBLE_EQ(Rates(Named("adafactor"), 3, 1e-5)[2], 1e-5);
  ExpectRefused(Named("adafactor:fast"), "adafactor:LR");
}

}  // namespace
}  // namespace atelier::trainer::lr_schedule_test
