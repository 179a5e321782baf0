#include "server/schedule/plan.h"

#include <algorithm>
#include <chrono>
#include <iostream>

#include "gmock/gmock.h"

#include "tests/server/schedule/plan_fixture.h"

namespace atelier::server::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_F(PlanTest, FirstInIsFirstOutForOneUser) {
  AddSlots(1);
  Add("ana");
  const JobId second = Add("ana");
  EXPECT_THAT(Started(), ElementsAre(1));
  EXPECT_EQ(Why(second).jobs_ahead, 1);
}

TEST_F(PlanTest, HigherPriorityComesFirstAndWhoHadLessOfEqualOnes) {
  AddSlots(2);
  ledger_.Add({{"", "ana"}, absl::ToUnixSeconds(kNow) / 3600, 3600});
  Add("ana");
  const JobId poor = Add("ben");
  const JobId urgent = Add("ana", [](QueuedJob& job) { job.priority = 7; });
  EXPECT_THAT(Started(), ElementsAre(urgent, poor));
}

TEST_F(PlanTest, DevicesThatComeFreeTogetherGoToSeveralUsers) {
  AddSlots(2);
  Add("ana");
  Add("ana");
  const JobId other = Add("ben");
  EXPECT_THAT(Started(), ElementsAre(1, other));
}

TEST_F(PlanTest, JobThatEndsBeforeTheReservationMayPass) {
  AddSlots(2);
  AddRunning("ana", {"cpu:0"}, absl::Hours(1));
  const JobId first = Add("ben", Wants(2, absl::InfiniteDuration()));
  const JobId late = Add("ben", Wants(1, absl::Minutes(31)));
  const JobId early = Add("ben", Wants(1, absl::Minutes(29)));
  const Plan plan = Look();
  ASSERT_EQ(plan.starts.size(), 1u);
  EXPECT_EQ(plan.starts[0].job, early);
  EXPECT_TRUE(plan.starts[0].is_backfill);
  EXPECT_EQ(plan.first_waiting, first);
  EXPECT_EQ(plan.first_start, kNow + absl::Minutes(30));
  EXPECT_EQ(Why(first).start, kNow + absl::Minutes(30));
  EXPECT_EQ(Why(late).reason, v1::JOB_REASON_PRIORITY);
}

TEST_F(PlanTest, NothingPassesWhereTheEndIsNotKnown) {
  AddSlots(2);
  AddRunning("ana", {"cpu:0"});
  Add("ben", Wants(2, absl::Hours(1)));
  Add("ben", Wants(1, absl::Seconds(1)));
  EXPECT_THAT(Started(), IsEmpty());
}

TEST_F(PlanTest, NothingPassesWithoutBackfill) {
  AddSlots(2);
  rules_.backfill = false;
  AddRunning("ana", {"cpu:0"}, absl::Hours(1));
  Add("ben", Wants(2, absl::Hours(1)));
  Add("ben", Wants(1, absl::Seconds(1)));
  EXPECT_THAT(Started(), IsEmpty());
}

TEST_F(PlanTest, DeviceTypesDoNotHoldEachOtherBack) {
  AddSlots(1);
  DeviceState gpu = CpuSlot(9);
  gpu.id = "GPU-1";
  gpu.kind = v1::DEVICE_TYPE_GPU;
  devices_.push_back(gpu);
  AddRunning("ana", {"GPU-1"});
  Add("ana", [](QueuedJob& job) { job.request.kind = v1::DEVICE_TYPE_GPU; });
  const JobId on_cpu = Add("ana");
  EXPECT_THAT(Started(), ElementsAre(on_cpu));
}

TEST_F(PlanTest, JobThatCanNeverStartHoldsNobodyBack) {
  AddSlots(1);
  const JobId never = Add("ana", Wants(9, absl::Hours(1)));
  const JobId other = Add("ana");
  EXPECT_THAT(Started(), ElementsAre(other));
  EXPECT_THAT(Why(never).causes[0], HasSubstr("only 1 is like that"));
}

TEST_F(PlanTest, LowerPriorityIsStoppedTheYoungestFirst) {
  AddSlots(3);
  AddRunning("ana", {"cpu:0"}, absl::Hours(9), 1);
  const JobId old = AddRunning("ana", {"cpu:1"});
  const JobId young = Add("ana", [](QueuedJob& job) {
    job.state = v1::JOB_STATE_RUNNING;
    job.attempt = 1;
    job.attempt_start = kNow - absl::Minutes(20);
    job.devices = {"cpu:2"};
  });
  const JobId urgent = Add("ben", [](QueuedJob& job) { job.priority = 1; });
  EXPECT_THAT(Look().preemptions, ElementsAre(Preemption{young, urgent}));
  rules_.min_run = absl::Minutes(25);
  EXPECT_THAT(Look().preemptions, ElementsAre(Preemption{old, urgent}));
  rules_.min_run = absl::Hours(1);
  const Plan plan = Look();
  EXPECT_THAT(plan.preemptions, IsEmpty());
  EXPECT_EQ(plan.look_again, kNow + absl::Minutes(30));
  rules_.min_run = absl::ZeroDuration();
  rules_.preemption = false;
  EXPECT_THAT(Look().preemptions, IsEmpty());
}

TEST_F(PlanTest, OneStopsForOneAndNoMoreWhileItStops) {
  AddSlots(2);
  const JobId first = AddRunning("ana", {"cpu:0"});
  AddRunning("ana", {"cpu:1"});
  Add("ben", [](QueuedJob& job) { job.priority = 1; });
  ASSERT_EQ(Look().preemptions.size(), 1u);
  QueuedJob stopping = *queue_.Find(first);
  stopping.state = v1::JOB_STATE_STOPPING;
  queue_.Put(stopping);
  EXPECT_THAT(Look().preemptions, IsEmpty());
}

TEST_F(PlanTest, NextOfAHundredThousandJobsIsChosenInMilliseconds) {
  AddSlots(4);
  AddRunning("u0", {"cpu:0", "cpu:1", "cpu:2"}, absl::Hours(1));
  for (int i = 0; i < 100000; ++i) {
    Add("u" + std::to_string(i % 50), Wants(1 + i % 2, absl::Hours(i % 7)));
  }
  double best = 1;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    const Plan plan = Look();
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - begin;
    best = std::min(best, took.count());
    EXPECT_EQ(plan.starts.size(), 1u);
  }
  std::cout << "next of 100000 jobs: " << best * 1000 << " ms" << std::endl;
  EXPECT_LT(best, 0.005);
}

}  // namespace
}  // namespace atelier::server::testing
