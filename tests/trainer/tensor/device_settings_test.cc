#include "trainer/tensor/device_settings.h"

#include <ATen/Context.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

const torch::Device kGpu(torch::kCUDA, 0);

TEST(DeviceSettingsTest, ProductsOfFp32AreExactWhereTf32IsSwitchedOff) {
  EXPECT_THAT(ApplyDeviceSettings({}, kGpu), HasSubstr("products in TF32"));
  EXPECT_TRUE(at::globalContext().allowTF32CuBLAS());
  EXPECT_TRUE(at::globalContext().allowTF32CuDNN());
  DeviceSettings exact;
  exact.allow_tf32 = false;
  EXPECT_THAT(ApplyDeviceSettings(exact, kGpu), HasSubstr("products exact"));
  EXPECT_FALSE(at::globalContext().allowTF32CuBLAS());
  EXPECT_FALSE(at::globalContext().allowTF32CuDNN());
}

TEST(DeviceSettingsTest, ConvolutionsAreTriedWhereAskedFor) {
  EXPECT_THAT(ApplyDeviceSettings({}, kGpu), HasSubstr("chosen by trial"));
  EXPECT_TRUE(at::globalContext().benchmarkCuDNN());
  DeviceSettings by_rule;
  by_rule.cudnn_benchmark = false;
  EXPECT_THAT(ApplyDeviceSettings(by_rule, kGpu), HasSubstr("chosen by rule"));
  EXPECT_FALSE(at::globalContext().benchmarkCuDNN());
}

TEST(DeviceSettingsTest, TheCpuIsLeftAsItIs) {
  at::globalContext().setBenchmarkCuDNN(false);
  EXPECT_EQ(ApplyDeviceSettings({}, torch::kCPU), "");
  EXPECT_FALSE(at::globalContext().benchmarkCuDNN());
}

}  // namespace
}  // namespace atelier::trainer
