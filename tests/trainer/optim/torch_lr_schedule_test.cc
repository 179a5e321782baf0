#include "trainer/optim/torch_lr_schedule.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/optim/lr_schedule.h"

namespace atelier::trainer::torch_lr_schedule_test {
namespace {

using ::testing::HasSubstr;

struct Case {
  const char* type;
  std::vector<std::string> args;
  std::vector<double> rates;  // at kSteps
};

constexpr int64_t kSteps[] = {0, 1, 2, 3, 5, 8, 13, 21, 34, 55};
constexpr double kBaseLr = 0.5;

// PyTorch's own numbers, printed by make_torch_lrs.py.
const Case kCases[] = {
    {"StepLR",
     {"step_size=4", "gamma=0.5"},
     {0.5, 0.5, 0.5, 0.5, 0.25, 0.125, 0.0625, 0.015625, 0.001953125,
      6.10351562e-05}},
    {"MultiStepLR",
     {"milestones=[3, 21]", "gamma=0.2"},
     {0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.02, 0.02, 0.02}},
    {"ConstantLR",
     {"factor=0.25", "total_iters=6"},
     {0.125, 0.125, 0.125, 0.125, 0.125, 0.5, 0.5, 0.5, 0.5, 0.5}},
    {"ConstantLR",
     {},
     {0.166666667, 0.166666667, 0.166666667, 0.166666667, 0.5, 0.5, 0.5, 0.5,
      0.5, 0.5}},
    {"LinearLR",
     {"start_factor=0.1", "end_factor=0.8", "total_iters=20"},
     {0.05, 0.0675, 0.085, 0.1025, 0.1375, 0.19, 0.2775, 0.4, 0.4, 0.4}},
    {"LinearLR",
     {},
     {0.166666667, 0.233333333, 0.3, 0.366666667, 0.5, 0.5, 0.5, 0.5, 0.5,
      0.5}},
    {"ExponentialLR",
     {"gamma=0.9"},
     {0.5, 0.45, 0.405, 0.3645, 0.295245, 0.215233605, 0.127093291,
      0.0547094946, 0.0139064195, 0.00152162636}},
    {"CosineAnnealingLR",
     {"T_max=30", "eta_min=0.01"},
     {0.5, 0.498657864, 0.494646162, 0.488008846, 0.467176224, 0.418936999,
      0.305938364, 0.110992613, 0.0311813629, 0.467176224}},
    {"CosineAnnealingWarmRestarts",
     {"T_0=6", "T_mult=2", "eta_min=0.02"},
     {0.5, 0.467846097, 0.38, 0.26, 0.0521539031, 0.467846097, 0.197883429,
      0.481731088, 0.14, 0.418242996}},
    {"CosineAnnealingWarmRestarts",
     {"T_0=5"},
     {0.5, 0.452254249, 0.327254249, 0.172745751, 0.5, 0.172745751, 0.172745751,
      0.452254249, 0.0477457514, 0.5}},
    {"PolynomialLR",
     {"total_iters=40", "power=1.7"},
     {0.5, 0.478936406, 0.458247531, 0.437936305, 0.398459049, 0.342155072,
      0.256322316, 0.141042222, 0.0198758241, 0}},
    {"OneCycleLR",
     {"max_lr=0.9", "total_steps=60", "cycle_momentum=False"},
     {0.036, 0.0433556209, 0.0651719969, 0.100706197, 0.207661837, 0.428140069,
      0.787251852, 0.880007843, 0.582641098, 0.0199957574}},
    {"OneCycleLR",
     {"max_lr=0.9", "total_steps=60", "pct_start=0.2",
      "anneal_strategy='linear'", "div_factor=10", "final_div_factor=100",
      "three_phase=True", "cycle_momentum=False"},
     {0.09, 0.163636364, 0.237272727, 0.310909091, 0.458181818, 0.679090909,
      0.752727273, 0.163636364, 0.0611027027, 0.0105324324}},
    {"CyclicLR",
     {"base_lr=0.1", "max_lr=0.7", "step_size_up=4", "cycle_momentum=False"},
     {0.1, 0.25, 0.4, 0.55, 0.55, 0.1, 0.55, 0.55, 0.4, 0.25}},
    {"CyclicLR",
     {"base_lr=0.1", "max_lr=0.7", "step_size_up=4", "step_size_down=7",
      "mode='triangular2'", "cycle_momentum=False"},
     {0.1, 0.25, 0.4, 0.55, 0.614285714, 0.357142857, 0.25, 0.142857143,
      0.11875, 0.1}},
    {"CyclicLR",
     {"base_lr=0.1", "max_lr=0.7", "step_size_up=5", "mode='exp_range'",
      "gamma=0.97", "cycle_momentum=False"},
     {0.1, 0.2164, 0.325816, 0.42856228, 0.615240415, 0.288098406, 0.342289752,
      0.163297662, 0.270404164, 0.212356095}},
};

void ExpectRefused(const std::string& type,
                   const std::vector<std::string>& args,
                   const std::string& reason) {
  const auto lr = MakeTorchLr(type, args);
  EXPECT_EQ(lr.status().code(), absl::StatusCode::kInvalidArgument) << type;
  EXPECT_THAT(std::string(lr.status().message()), HasSubstr(reason));
}

TEST(TorchLrScheduleTest, EveryClassHasTheRatesOfPyTorch) {
  for (const Case& row : kCases) {
    const auto lr = MakeTorchLr(row.type, row.args);
    ASSERT_TRUE(lr.ok()) << lr.status();
    for (size_t i = 0; i < std::size(kSteps); ++i) {
      EXPECT_NEAR((*lr)(kSteps[i], kBaseLr), row.rates[i], 1e-8)
          << row.type << " " << ::testing::PrintToString(row.args) << " step "
          << kSteps[i];
    }
  }
}

TEST(TorchLrScheduleTest, EveryClassIsTested) {
  for (const std::string& type : TorchLrTypes()) {
    EXPECT_TRUE(std::any_of(std::begin(kCases), std::end(kCases),
                            [&](const Case& row) { return row.type == type; }))
        << type;
  }
}

TEST(TorchLrScheduleTest, FullNamesAreTaken) {
  EXPECT_TRUE(
      MakeTorchLr("torch.optim.lr_scheduler.ExponentialLR", {"gamma=0.9"})
          .ok());
}

TEST(TorchLrScheduleTest, OtherClassesAreRefusedWithThoseThatExist) {
  ExpectRefused("LambdaLR", {}, "must be one of ConstantLR");
  ExpectRefused("CosineAnealingLR", {}, "did you mean CosineAnnealingLR?");
  ExpectRefused("my.own.Schedule", {}, "must be one of");
}

TEST(TorchLrScheduleTest, ArgumentsAreCheckedByName) {
  ExpectRefused("StepLR", {}, "must have step_size=");
  ExpectRefused("StepLR", {"step_size=0"}, "whole number of at least 1");
  ExpectRefused("StepLR", {"step=3"}, "which StepLR does not take");
  ExpectRefused("CyclicLR", {"base_lr=1", "max_lr=2", "mode=square"},
                "one of triangular, triangular2, exp_range");
  ExpectRefused("OneCycleLR", {"max_lr=1", "total_steps=10"},
                "cycle_momentum=False");
}

TEST(TorchLrScheduleTest, TakesThePlaceOfTheNamedScheduleButNoWarmup) {
  LrScheduleOptions options;
  options.name = "cosine";
  options.total_steps = 10;
  options.type = "ExponentialLR";
  options.args = {"gamma=0.5"};
  const auto schedule = LrSchedule::Make(options);
  ASSERT_TRUE(schedule.ok()) << schedule.status();
  EXPECT_DOUBLE_EQ(schedule->At(2, 1), 0.25);
  options.warmup_steps = "3";
  EXPECT_THAT(std::string(LrSchedule::Make(options).status().message()),
              HasSubstr("must be 0 with lr_scheduler_type ExponentialLR"));
}

}  // namespace
}  // namespace atelier::trainer::torch_lr_schedule_test
