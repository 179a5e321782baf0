#include "trainer/tensor/process_memory.h"

#include <vector>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

TEST(ProcessMemoryTest, ThePeakStaysWhenMemoryIsGivenBack) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  const ProcessMemory before = ReadProcessMemory();
  { const std::vector<char> block(kBytes, 1); }
  const ProcessMemory after = ReadProcessMemory();
  EXPECT_GT(before.resident_bytes, 0);
  EXPECT_GE(after.peak_resident_bytes, before.resident_bytes + kBytes * 9 / 10);
  EXPECT_GE(after.peak_resident_bytes, after.resident_bytes);
}

}  // namespace
}  // namespace atelier::trainer
