// Learning rates of every step of every schedule.
#include <cmath>

#include "tests/support/oracle.h"
#include "trainer/optim/lr_schedule.h"

namespace atelier::trainer::lr_schedules_oracle {
namespace {

using nlohmann::json;
using testing::LoadOracleJson;

constexpr double kTolerance = 1e-9;

// Numbers as people type them.
std::string TextOf(const json& value) { return value.dump(); }

LrScheduleOptions OptionsOf(const json& args) {
  LrScheduleOptions options;
  options.name = args.at("lr_scheduler");
  options.total_steps = args.at("max_train_steps");
  options.warmup_steps = TextOf(args.at("lr_warmup_steps"));
  options.decay_steps = TextOf(args.at("lr_decay_steps"));
  options.num_cycles = args.at("lr_scheduler_num_cycles");
  options.power = args.at("lr_scheduler_power");
  if (!args.at("lr_scheduler_timescale").is_null()) {
    options.timescale = args.at("lr_scheduler_timescale").get<int64_t>();
  }
  if (!args.at("lr_scheduler_min_lr_ratio").is_null()) {
    options.min_lr_ratio = args.at("lr_scheduler_min_lr_ratio").get<double>();
  }
  if (!args.at("lr_scheduler_args").is_null()) {
    options.args = args.at("lr_scheduler_args").get<std::vector<std::string>>();
  }
  return options;
}

TEST(LrSchedulesTest, EveryStepOfEveryScheduleMatchesTheReference) {
  const json cases = LoadOracleJson("optim/lr_schedules.json");
  ASSERT_FALSE(cases.empty());
  for (const json& golden : cases) {
    SCOPED_TRACE(golden.at("name"));
    const auto schedule = LrSchedule::Make(OptionsOf(golden.at("args")));
    ASSERT_TRUE(schedule.ok()) << schedule.status();
    const double base_lr = golden.at("base_lr");
    const auto expected =
        golden.at("lr_before_step").get<std::vector<double>>();
    for (size_t step = 0; step < expected.size(); ++step) {
      EXPECT_NEAR(schedule->At(static_cast<int64_t>(step), base_lr),
                  expected[step], kTolerance)
          << "step " << step;
    }
  }
}

}  // namespace
}  // namespace atelier::trainer::lr_schedules_oracle
