#include "trainer/cuda/cuda_loader.h"

#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = DeviceRequest::Kind;

// Each test is a process of its own under CTest, so a library that one sets is
// not another's.
TEST(CudaLoaderTest, ALibraryThatIsNotThereIsSaidWithItsPathAndTheRemedy) {
  setenv("ATELIER_CUDA_LIBRARY", "/nonexistent/libatelier_cuda.so", 1);
  EXPECT_THAT(CudaLibraryPaths(),
              ElementsAre("/nonexistent/libatelier_cuda.so"));
  const auto device = OpenDevice({Kind::kCuda, 0});
  EXPECT_EQ(device.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(device.status().message()),
              HasSubstr("there is no /nonexistent/libatelier_cuda.so; build it "
                        "where nvcc is installed"));
  unsetenv("ATELIER_CUDA_LIBRARY");
}

TEST(CudaLoaderTest, TheLibraryIsLookedForBesideTheProgram) {
  const std::vector<std::string> paths = CudaLibraryPaths();
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_THAT(paths[0], HasSubstr("/bin/libatelier_cuda.so"));
  EXPECT_THAT(paths[1], HasSubstr("/bin/../lib/libatelier_cuda.so"));
}

TEST(CudaLoaderTest, TheCpuNeedsNothing) {
  const auto device = OpenDevice({Kind::kCpu, 0});
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_TRUE(device->device.is_cpu());
}

TEST(CudaLoaderTest, AutomaticChoiceAlwaysGivesADeviceAndSaysWhy) {
  const auto device = OpenDevice({Kind::kAuto, 0});
  ASSERT_TRUE(device.ok()) << device.status();
  if (device->device.is_cpu()) {
    EXPECT_THAT(device->description, HasSubstr("CPU; "));
  }
}

}  // namespace
}  // namespace atelier::trainer
