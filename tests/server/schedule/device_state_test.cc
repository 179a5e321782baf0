#include "server/schedule/device_state.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::server {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kGib = int64_t{1} << 30;

DeviceState Card(const std::string& id, const std::string& model,
                 int64_t bytes) {
  DeviceState device;
  device.id = id;
  device.kind = v1::DEVICE_TYPE_GPU;
  device.model = model;
  device.total_bytes = device.free_bytes = bytes;
  return device;
}

JobRequest Request(int64_t min_vram_bytes, int count = 1) {
  JobRequest request;
  request.kind = v1::DEVICE_TYPE_GPU;
  request.count = count;
  request.min_vram_bytes = min_vram_bytes;
  return request;
}

TEST(DeviceStateTest, CardFitsWhatItIsSoldWith) {
  // As drivers report cards sold with 24 and 80 GiB.
  const DeviceState small = Card("a", "RTX 4090", int64_t{24564} << 20);
  EXPECT_TRUE(Fits(small, Request(24 * kGib)));
  EXPECT_FALSE(Fits(small, Request(25 * kGib)));
  EXPECT_TRUE(
      Fits(Card("b", "H100", int64_t{81559} << 20), Request(80 * kGib)));
}

TEST(DeviceStateTest, ModelIsPartOfTheNameInAnyCase) {
  JobRequest request = Request(0);
  request.model = "a100";
  EXPECT_TRUE(Fits(Card("a", "NVIDIA A100-SXM4-80GB", kGib), request));
  EXPECT_FALSE(Fits(Card("a", "NVIDIA H100", kGib), request));
}

TEST(DeviceStateTest, PartOfAGpuIsForJobsThatWantOne) {
  DeviceState part = Card("MIG-1", "A100 MIG", 20 * kGib);
  part.is_mig = true;
  EXPECT_TRUE(Fits(part, Request(0)));
  EXPECT_FALSE(Fits(part, Request(0, 2)));
}

TEST(DeviceStateTest, WhatOthersLeaveMustBeEnough) {
  DeviceState device = Card("a", "A100", 80 * kGib);
  device.free_bytes = 30 * kGib;
  EXPECT_TRUE(FitsNow(device, Request(30 * kGib)));
  EXPECT_FALSE(FitsNow(device, Request(40 * kGib)));
  EXPECT_TRUE(Fits(device, Request(40 * kGib)));
  const DeviceWait wait = WhyNotNow({device}, Request(40 * kGib));
  EXPECT_EQ(wait.reason, v1::JOB_REASON_GPU_IN_USE_OUTSIDE);
  EXPECT_THAT(wait.message, HasSubstr("a: only 30.0 GiB are free"));
}

TEST(DeviceStateTest, ReasonOfTheWaitIsTheOneThatWillPassByItself) {
  DeviceState sick = Card("a", "A100", 80 * kGib);
  sick.availability = v1::DEVICE_AVAILABILITY_UNHEALTHY;
  sick.reason = "XID 79";
  EXPECT_EQ(WhyNotNow({sick}, Request(0)).reason, v1::JOB_REASON_GPU_UNHEALTHY);
  std::vector<DeviceState> devices = {sick, Card("b", "A100", 80 * kGib)};
  MarkLeased({{"b", {1, 1}}}, &devices);
  const DeviceWait wait = WhyNotNow(devices, Request(0));
  EXPECT_EQ(wait.reason, v1::JOB_REASON_RESOURCES);
  EXPECT_THAT(wait.message, HasSubstr("a: XID 79"));
}

TEST(DeviceStateTest, WhatCanNeverBeSaysWhatThereIs) {
  const std::vector<DeviceState> devices = {Card("a", "A100", 80 * kGib),
                                            Card("b", "A100", 80 * kGib)};
  EXPECT_EQ(WhyNever(devices, Request(80 * kGib, 2)), "");
  EXPECT_THAT(WhyNever(devices, Request(0, 3)),
              HasSubstr("only 2 are like that; this daemon has 2 x A100 (80.0 "
                        "GiB)"));
  EXPECT_THAT(WhyNever({CpuSlot(0)}, Request(0)),
              HasSubstr("this daemon has no GPU device"));
}

TEST(DeviceStateTest, HostMemoryIsSharedAmongJobs) {
  JobRequest request;
  request.host_memory_bytes = 10;
  EXPECT_TRUE(HasHostMemory({20, 10}, request));
  EXPECT_FALSE(HasHostMemory({20, 11}, request));
  EXPECT_TRUE(HasHostMemory({0, 11}, request));
}

}  // namespace
}  // namespace atelier::server
