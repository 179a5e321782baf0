#include "server/gpu/nvml_source.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/fake_gpus.h"
#include "tests/support/temp_dir.h"

namespace atelier::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class NvmlSourceTest : public ::testing::Test {
 protected:
  NvmlSourceTest() : gpus_(folder_.File("machine.json")) {
    gpus_.Add("GPU-a", "NVIDIA A100", 40);
    source_ =
        std::make_unique<NvmlSource>(*NvmlLibrary::Load(ATELIER_FAKE_NVML));
  }

  testing::TempDir folder_;
  testing::FakeGpus gpus_;
  std::unique_ptr<NvmlSource> source_;
};

TEST(NvmlLibraryTest, MissingLibraryAndForeignLibraryAreToldApart) {
  EXPECT_TRUE(absl::IsNotFound(NvmlLibrary::Load("/no/such.so").status()));
  const auto foreign = NvmlLibrary::Load("libc.so.6").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(foreign));
  EXPECT_THAT(std::string(foreign.message()), HasSubstr("no nvmlInit_v2"));
}

TEST_F(NvmlSourceTest, ReadsEverythingInOurUnits) {
  auto& gpu = gpus_.gpu(0);
  gpu["used"] = int64_t{3} << 30;
  gpu["energy"] = 5500;
  gpu["throttle"] = 0x44;
  gpu["ecc_corrected"] = 12;
  gpu["processes"] = {{{"pid", 4242}, {"bytes", 1000}}};
  gpus_.Write();
  const auto report = source_->Read();
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_THAT(report->gpus, SizeIs(1));
  const GpuReading& read = report->gpus[0];
  EXPECT_EQ(read.uuid, "GPU-a");
  EXPECT_EQ(read.total_bytes, int64_t{40} << 30);
  EXPECT_EQ(read.used_bytes, int64_t{3} << 30);
  EXPECT_DOUBLE_EQ(*read.temperature_celsius, 41);
  EXPECT_DOUBLE_EQ(*read.power_watts, 71.5);
  EXPECT_DOUBLE_EQ(*read.energy_joules, 5.5);
  EXPECT_DOUBLE_EQ(*read.utilization, 0.07);
  EXPECT_EQ(*read.ecc_corrected, 12);
  EXPECT_FALSE(read.power_limit_watts.has_value());
  EXPECT_THAT(read.throttle_reasons,
              ElementsAre("power_cap", "hardware_thermal"));
  ASSERT_THAT(read.processes, SizeIs(1));
  EXPECT_EQ(read.processes[0].pid, 4242);
}

TEST_F(NvmlSourceTest, LostGpuKeepsItsName) {
  gpus_.gpu(0)["lost"] = true;
  gpus_.Write();
  const auto report = source_->Read();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->gpus[0].uuid, "GPU-a");
  EXPECT_THAT(report->gpus[0].lost, HasSubstr("GPU is lost"));
}

TEST_F(NvmlSourceTest, PartsHaveTheirOwnMemoryAndProcesses) {
  gpus_.gpu(0)["parts"] = {
      {{"uuid", "MIG-1"}, {"name", "1g"}, {"total", 5}, {"instance", 1}},
      {{"uuid", "MIG-2"}, {"name", "2g"}, {"total", 9}, {"instance", 2}}};
  gpus_.gpu(0)["processes"] = {{{"pid", 7}, {"instance", 2}}};
  gpus_.Write();
  const auto report = source_->Read();
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_THAT(report->gpus, SizeIs(3));
  EXPECT_TRUE(report->gpus[0].is_divided);
  EXPECT_EQ(report->gpus[1].parent, "GPU-a");
  EXPECT_EQ(report->gpus[1].total_bytes, 5);
  EXPECT_THAT(report->gpus[1].processes, SizeIs(0));
  EXPECT_THAT(report->gpus[2].processes, SizeIs(1));
}

TEST_F(NvmlSourceTest, FaultsAreTold) {
  gpus_.Write();
  ASSERT_TRUE(source_->Read().ok());
  gpus_.Xid(0, 48);
  std::vector<GpuFault> faults;
  while (faults.empty()) faults = source_->AwaitFaults(absl::Seconds(1));
  EXPECT_EQ(faults[0].uuid, "GPU-a");
  EXPECT_EQ(faults[0].xid, 48);
}

}  // namespace
}  // namespace atelier::server
