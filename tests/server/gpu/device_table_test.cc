#include "server/gpu/device_table.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kGib = int64_t{1} << 30;

class DeviceTableTest : public ::testing::Test {
 protected:
  std::unique_ptr<DeviceTable> Make(DeviceTableOptions options = {}) {
    DeviceTableHooks hooks;
    hooks.look_up = [this](pid_t pid) { return processes_[pid]; };
    hooks.changed = [this] { ++changes_; };
    hooks.sick = [this](const DeviceDrain& drain, bool is_lasting) {
      sick_.push_back(drain);
      lasting_.push_back(is_lasting);
    };
    options.ignored_programs = {"Xorg"};
    return std::make_unique<DeviceTable>(options, clock_, hooks);
  }

  static GpuReading Gpu(const std::string& uuid) {
    GpuReading gpu;
    gpu.uuid = uuid;
    gpu.name = "NVIDIA A100";
    gpu.total_bytes = 80 * kGib;
    return gpu;
  }

  // News with these GPUs, later than any before.
  GpuNews News(std::vector<GpuReading> gpus) {
    GpuNews news;
    clock_.Advance(absl::Milliseconds(1));
    news.report.read_time = clock_.Now();
    news.report.gpus = std::move(gpus);
    return news;
  }

  static DeviceState Last(const DeviceTable& table) {
    return table.States().back();
  }

  FakeClock clock_;
  std::map<pid_t, ProcessFacts> processes_;
  int changes_ = 0;
  std::vector<DeviceDrain> sick_;
  std::vector<bool> lasting_;
};

TEST_F(DeviceTableTest, SlotsAndGpusAreDevices) {
  auto table = Make();
  table->Take(News({Gpu("GPU-a")}));
  ASSERT_THAT(table->States(), SizeIs(2));
  EXPECT_EQ(table->States()[0], CpuSlot(0));
  EXPECT_EQ(Last(*table).model, "NVIDIA A100");
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_FREE);
  EXPECT_EQ(changes_, 1);
}

TEST_F(DeviceTableTest, OutsideUseEndsOnlyAfterAWhileWithoutIt) {
  auto table = Make();
  GpuReading used = Gpu("GPU-a");
  used.processes = {{7, 10 * kGib}};
  processes_[7] = {std::nullopt, "python", "bob"};
  table->Take(News({used}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_OUTSIDE);
  EXPECT_THAT(Last(*table).reason, HasSubstr("python (pid 7, user bob)"));
  EXPECT_EQ(Last(*table).free_bytes, 70 * kGib);
  clock_.Advance(absl::Seconds(20));
  table->Take(News({Gpu("GPU-a")}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_OUTSIDE);
  EXPECT_THAT(Last(*table).reason, HasSubstr("less than 30s ago"));
  clock_.Advance(absl::Seconds(31));
  table->Take(News({Gpu("GPU-a")}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_FREE);
}

TEST_F(DeviceTableTest, PolicyMayWarnOrIgnoreEvenForOneGpu) {
  DeviceTableOptions options;
  options.outside_use = "warn";
  options.outside_use_of = {{"GPU-b", "ignore"}};
  auto table = Make(options);
  GpuReading a = Gpu("GPU-a"), b = Gpu("GPU-b");
  a.processes = b.processes = {{7, 10 * kGib}};
  table->Take(News({a, b}));
  const auto states = table->States();
  EXPECT_EQ(states[1].availability, v1::DEVICE_AVAILABILITY_FREE);
  EXPECT_THAT(states[1].reason, HasSubstr("used from outside"));
  EXPECT_EQ(states[1].free_bytes, 70 * kGib);
  EXPECT_EQ(states[2].reason, "");
  EXPECT_EQ(states[2].free_bytes, 80 * kGib);
}

TEST_F(DeviceTableTest, OwnProcessesAndIgnoredProgramsAreNoOutsideUse) {
  auto table = Make();
  GpuReading gpu = Gpu("GPU-a");
  gpu.processes = {{7, kGib}, {8, kGib}};
  processes_[7] = {AttemptId{3, 1}, "atelier-trainer", "ana"};
  processes_[8] = {std::nullopt, "Xorg", "root"};
  table->Take(News({gpu}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_FREE);
  // While it ends, nothing can be read of it any more.
  processes_[7] = {};
  table->Take(News({gpu}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_FREE);
  // Another program that got the same number is not ours.
  processes_[7] = {std::nullopt, "python", "bob"};
  table->Take(News({gpu}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_OUTSIDE);
}

TEST_F(DeviceTableTest, FatalXidTakesAGpuOutOfUseAndAnApplicationsDoesNot) {
  auto table = Make();
  GpuNews news = News({Gpu("GPU-a")});
  news.faults = {{"GPU-a", 31, clock_.Now()}};
  table->Take(news);
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_FREE);
  EXPECT_THAT(sick_, IsEmpty());
  news = News({Gpu("GPU-a")});
  news.faults = {{"GPU-a", 79, clock_.Now()}};
  table->Take(news);
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_UNHEALTHY);
  ASSERT_THAT(sick_, SizeIs(1));
  EXPECT_THAT(sick_[0].message, HasSubstr("XID 79"));
  EXPECT_THAT(lasting_, ElementsAre(true));
  EXPECT_EQ(table->Describe({}).devices(1).faults_size(), 2);
  table->ClearDrain("GPU-a");
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_FREE);
}

TEST_F(DeviceTableTest, NewUncorrectableErrorsAreAFaultAndOldOnesAreNot) {
  auto table = Make();
  GpuReading gpu = Gpu("GPU-a");
  gpu.ecc_uncorrected = 2;
  table->Take(News({gpu}));
  table->Take(News({gpu}));
  EXPECT_THAT(sick_, IsEmpty());
  gpu.ecc_uncorrected = 3;
  table->Take(News({gpu}));
  ASSERT_THAT(sick_, SizeIs(1));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_UNHEALTHY);
}

TEST_F(DeviceTableTest, LostGpuIsSickUntilTheDriverHasItAgain) {
  auto table = Make();
  table->Take(News({Gpu("GPU-a")}));
  table->Take(News({}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_UNHEALTHY);
  EXPECT_EQ(Last(*table).model, "NVIDIA A100");
  EXPECT_THAT(lasting_, ElementsAre(false));
  table->Take(News({}));
  EXPECT_THAT(sick_, SizeIs(1));
  table->Take(News({Gpu("GPU-a")}));
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_FREE);
}

TEST_F(DeviceTableTest, TroubleMakesGpusUnknownAndSlotsStay) {
  auto table = Make();
  GpuNews news = News({Gpu("GPU-a")});
  table->Take(news);
  news.trouble = "the GPU driver has not answered for 10s";
  table->Take(news);
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_UNKNOWN);
  EXPECT_EQ(table->States()[0].availability, v1::DEVICE_AVAILABILITY_FREE);
  EXPECT_THAT(table->Describe({}).message(), HasSubstr("not answered"));
}

TEST_F(DeviceTableTest, OnlyThePartsOfADividedGpuAreHandedOut) {
  auto table = Make();
  GpuReading whole = Gpu("GPU-a"), part = Gpu("MIG-1");
  whole.is_divided = true;
  part.parent = "GPU-a";
  part.total_bytes = 20 * kGib;
  table->Take(News({whole, part}));
  ASSERT_THAT(table->States(), SizeIs(2));
  EXPECT_EQ(Last(*table).id, "MIG-1");
  EXPECT_TRUE(Last(*table).is_mig);
  EXPECT_THAT(table->PartsOf("GPU-a"), ElementsAre("GPU-a", "MIG-1"));
  // What befalls the whole befalls its parts.
  table->SetDrains({{"GPU-a", false, "cleaning", clock_.Now()}});
  EXPECT_EQ(Last(*table).availability, v1::DEVICE_AVAILABILITY_DRAINED);
  EXPECT_THAT(Last(*table).reason, HasSubstr("cleaning"));
}

TEST_F(DeviceTableTest, LeasesAreShownWithTheirJobs) {
  auto table = Make();
  table->Take(News({Gpu("GPU-a")}));
  const auto told = table->Describe({{"GPU-a", {5, 2}}});
  EXPECT_EQ(told.devices(1).job_id(), 5);
  EXPECT_EQ(told.devices(1).attempt(), 2);
  EXPECT_EQ(told.devices(1).availability(), v1::DEVICE_AVAILABILITY_LEASED);
  EXPECT_EQ(told.devices(0).availability(), v1::DEVICE_AVAILABILITY_FREE);
}

}  // namespace
}  // namespace atelier::server
