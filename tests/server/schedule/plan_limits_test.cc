// What keeps jobs waiting besides devices: quotas, sweeps, dependencies, holds,
// maintenance.
#include <map>
#include <string>

#include "gmock/gmock.h"

#include "tests/server/schedule/plan_fixture.h"

namespace atelier::server::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlanLimitsTest : public PlanTest {};

TEST_F(PlanLimitsTest, QuotaIsKeptWithinOneLookAndSaid) {
  AddSlots(3);
  rules_.quotas.each_user.running_jobs = 2;
  Add("ana");
  Add("ana");
  const JobId third = Add("ana");
  EXPECT_THAT(Started(), ElementsAre(1, 2));
  AddRunning("ana", {"cpu:0"});
  AddRunning("ana", {"cpu:1"});
  const Explanation why = Why(third);
  EXPECT_EQ(why.reason, v1::JOB_REASON_QUOTA);
  EXPECT_THAT(why.causes[0], HasSubstr("user ana runs 2 jobs; at most 2"));
}

TEST_F(PlanLimitsTest, DeviceHoursOfAWeekAndDiskAreLimited) {
  AddSlots(1);
  const JobId job = Add("ana");
  rules_.quotas.users["ana"].week_device_hours = 1;
  EXPECT_THAT(Started(), ElementsAre(job));
  ledger_.Add({{"", "ana"}, absl::ToUnixSeconds(kNow) / 3600 - 1, 3700});
  EXPECT_THAT(Started(), IsEmpty());
  EXPECT_EQ(Why(job).reason, v1::JOB_REASON_QUOTA);
  rules_.quotas.users["ana"].week_device_hours = 0;
  rules_.quotas.users["ana"].disk_bytes = 100;
  const std::map<std::string, int64_t> use = {{"ana", 100}};
  PlanInput input = Input();
  input.disk_use = &use;
  EXPECT_THAT(MakePlan(input).starts, IsEmpty());
}

TEST_F(PlanLimitsTest, SweepRunsAsManyAsItMay) {
  AddSlots(3);
  const auto in_sweep = [](QueuedJob& job) {
    job.sweep = "s";
    job.sweep_running = 2;
  };
  Add("ana", in_sweep);
  Add("ana", in_sweep);
  Add("ana", in_sweep);
  EXPECT_EQ(Started().size(), 2u);
  const JobId other = Add("ana");
  EXPECT_THAT(Started(), Contains(other));
}

TEST_F(PlanLimitsTest, DependenciesAreMetOrNeverWillBe) {
  AddSlots(9);
  const JobId before = AddRunning("ana", {"cpu:0"});
  const auto after = [&](v1::Dependency::Condition condition) {
    return [=](QueuedJob& job) {
      job.after.push_back({before, condition, v1::JOB_STATE_RUNNING});
    };
  };
  const JobId ok = Add("ana", after(v1::Dependency::CONDITION_OK));
  const JobId any = Add("ana", after(v1::Dependency::CONDITION_ANY));
  const JobId fail = Add("ana", after(v1::Dependency::CONDITION_FAIL));
  EXPECT_THAT(Started(), IsEmpty());
  EXPECT_EQ(Why(ok).reason, v1::JOB_REASON_DEPENDENCY);
  EXPECT_THAT(Why(ok).blocking_jobs, ElementsAre(before));
  QueuedJob ended = *queue_.Find(before);
  ended.state = v1::JOB_STATE_FAILED;
  queue_.Put(ended);
  EXPECT_THAT(Started(), ElementsAre(any, fail));
  EXPECT_THAT(queue_.doomed(), ElementsAre(std::make_pair(ok, before)));
}

TEST_F(PlanLimitsTest, HeldAndBackedOffJobsHoldNobodyBack) {
  AddSlots(1);
  Add("ana", [](QueuedJob& job) { job.state = v1::JOB_STATE_HELD; });
  const JobId later = Add(
      "ana", [](QueuedJob& job) { job.not_before = kNow + absl::Seconds(3); });
  const JobId now = Add("ana");
  EXPECT_EQ(queue_.Advance(kNow), kNow + absl::Seconds(3));
  EXPECT_THAT(Started(), ElementsAre(now));
  EXPECT_EQ(Why(later).reason, v1::JOB_REASON_BACKOFF);
  queue_.Advance(kNow + absl::Seconds(3));
  EXPECT_EQ(Why(later).jobs_ahead, 0);
}

TEST_F(PlanLimitsTest, NothingStartsIntoAMaintenance) {
  AddSlots(2);
  rules_.maintenance = {
      {kNow + absl::Hours(1), kNow + absl::Hours(2), "new GPU"}};
  const JobId too_long = Add("ana", Wants(1, absl::Hours(2)));
  const JobId in_time = Add("ana", Wants(1, absl::Minutes(50)));
  const Plan plan = Look();
  ASSERT_EQ(plan.starts.size(), 1u);
  EXPECT_EQ(plan.starts[0].job, in_time);
  EXPECT_EQ(plan.look_again, kNow + absl::Hours(1));
  EXPECT_EQ(Why(too_long).reason, v1::JOB_REASON_MAINTENANCE);
  PlanInput input = Input();
  input.now = kNow + absl::Minutes(90);
  EXPECT_THAT(MakePlan(input).starts, IsEmpty());
}

TEST_F(PlanLimitsTest, DrainingAndLowDiskStartNothing) {
  AddSlots(1);
  Add("ana");
  PlanInput input = Input();
  input.draining = true;
  input.drain_message = "moving house";
  Plan plan = MakePlan(input);
  ASSERT_EQ(plan.waits.size(), 1u);
  EXPECT_EQ(plan.waits[0].reason, v1::JOB_REASON_DRAINING);
  EXPECT_THAT(plan.waits[0].message, HasSubstr("moving house"));
  input.draining = false;
  input.disk_low = true;
  plan = MakePlan(input);
  EXPECT_EQ(plan.waits[0].reason, v1::JOB_REASON_DISK_LOW);
}

}  // namespace
}  // namespace atelier::server::testing
