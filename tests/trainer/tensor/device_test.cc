#include "trainer/tensor/device.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using Kind = DeviceRequest::Kind;

TEST(DeviceTest, NamesOfDevicesAreUnderstood) {
  EXPECT_EQ(ParseDevice("auto")->kind, Kind::kAuto);
  EXPECT_EQ(ParseDevice("cpu")->kind, Kind::kCpu);
  EXPECT_EQ(ParseDevice("cuda")->kind, Kind::kCuda);
  EXPECT_EQ(ParseDevice("cuda")->index, 0);
  EXPECT_EQ(ParseDevice("cuda:3")->index, 3);
}

TEST(DeviceTest, OtherNamesAreRefusedWithTheFormsThatExist) {
  for (const char* text : {"gpu", "cuda:", "cuda:-1", "cuda:x", "cuda:128"}) {
    const auto request = ParseDevice(text);
    ASSERT_FALSE(request.ok()) << text;
    EXPECT_THAT(std::string(request.status().message()),
                ::testing::HasSubstr("must be auto, cpu, cuda or cuda:N"));
  }
}

}  // namespace
}  // namespace atelier::trainer
