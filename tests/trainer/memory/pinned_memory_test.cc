#include "trainer/memory/pinned_memory.h"

#include <bit>

#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"

namespace atelier::trainer::testing {
namespace {

const torch::Device kPinner = FakeAccelerator::Device();

TEST(PinnedMemoryTest, GivesEverySizeAPlaceOfItsOwn) {
  const std::vector<int64_t> sizes = {1000, 1, 0, 300, 4096};
  const std::vector<Tensor> places = PinnedMemory(sizes);
  for (size_t i = 0; i < sizes.size(); ++i) {
    ASSERT_EQ(places[i].numel(), sizes[i]);
    places[i].fill_(static_cast<int64_t>(i));
  }
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == 0) continue;
    EXPECT_TRUE(places[i].is_pinned());
    EXPECT_TRUE(places[i].eq(static_cast<int64_t>(i)).all().item<bool>());
  }
}

TEST(PinnedMemoryTest, LittleIsLostToPowersOfTwo) {
  // In MiB: single and double blocks of FLUX.1 in fp32.
  for (const auto& [size, count] : {std::pair{540, 38}, std::pair{1297, 19}}) {
    int64_t taken = 0;
    const void* piece = nullptr;
    for (const Tensor& place :
         PinnedMemory(std::vector<int64_t>(count, size))) {
      if (place.storage().data() == piece) continue;
      piece = place.storage().data();
      taken += static_cast<int64_t>(
          std::bit_ceil(static_cast<uint64_t>(place.storage().nbytes())));
    }
    EXPECT_LT(static_cast<double>(taken), 1.1 * size * count) << size;
  }
}

}  // namespace
}  // namespace atelier::trainer::testing
