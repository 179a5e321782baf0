// Saving takes next to no memory beside what is saved, on the device and on the
// host.
#include <fstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"
#include "tests/support/temp_dir.h"
#include "trainer/checkpoint/safetensors_writer.h"
#include "trainer/tensor/process_memory.h"

namespace atelier::trainer::testing {
namespace {

constexpr int64_t kTensors = 60;
constexpr int64_t kElements = 128 * 1024;

std::vector<TensorToSave> Weights(torch::Device device, torch::ScalarType type,
                                  torch::ScalarType saved_type) {
  std::vector<TensorToSave> weights;
  for (int64_t i = 0; i < kTensors; ++i) {
    const Tensor tensor = torch::rand({kElements}).to(type).to(device);
    weights.push_back({"w" + std::to_string(i), tensor, saved_type});
  }
  return weights;
}

// The kernel's mark of this process's peak begins anew; false where it is not
// allowed.
bool ForgetPeak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5" << std::flush;
  return file.good();
}

TEST(SaveMemoryTest, TheDeviceHoldsNoMoreWhileItsWeightsAreSaved) {
  const atelier::testing::TempDir dir;
  const torch::Device device = FakeAccelerator::Device();
  const auto weights = Weights(device, torch::kBFloat16, torch::kBFloat16);
  FakeAccelerator::ResetPeak();
  const int64_t training = FakeAccelerator::live_bytes();
  ASSERT_TRUE(WriteSafetensors(dir.File("f"), weights, {}).ok());
  EXPECT_GT(training, 0);
  EXPECT_LE(static_cast<double>(FakeAccelerator::peak_bytes()),
            1.02 * static_cast<double>(training));
}

TEST(SaveMemoryTest, TheHostHoldsFewConvertedTensorsAtATime) {
  const atelier::testing::TempDir dir;
  const auto weights = Weights(torch::kCPU, torch::kFloat32, torch::kBFloat16);
  // What only the first save allocates.
  ASSERT_TRUE(WriteSafetensors(dir.File("f"), {weights[0]}, {}).ok());
  if (!ForgetPeak()) GTEST_SKIP() << "the peak cannot be reset here";
  const int64_t before = ReadProcessMemory().resident_bytes;
  ASSERT_TRUE(WriteSafetensors(dir.File("f"), weights, {}).ok());
  const int64_t grown = ReadProcessMemory().peak_resident_bytes - before;
  EXPECT_LT(grown, kTensors * kElements * 2 / 3);
}

}  // namespace
}  // namespace atelier::trainer::testing
