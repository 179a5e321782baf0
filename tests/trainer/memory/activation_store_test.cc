#include "trainer/memory/activation_store.h"

#include "gtest/gtest.h"

#include "tests/trainer/memory/block_stack.h"

namespace atelier::trainer::testing {
namespace {

using Direction = FakeTransfer::Direction;

const StackRun kKept = {.recompute = true, .rows = 64};
const StackRun kOffloaded = {.recompute = true, .offload = true, .rows = 64};

TEST(ActivationStoreTest, GradientsAreTheSameBitForBit) {
  std::vector<std::map<std::string, Tensor>> found;
  for (const StackRun& run : {kKept, kOffloaded}) {
    const auto stack = MakeStack(run);
    Differentiate(*stack, run, 0);
    found.push_back(Gradients(*stack));
  }
  ExpectSame(found[1], found[0]);
}

TEST(ActivationStoreTest, InputsLeaveTheDeviceUntilTheyAreNeeded) {
  std::vector<int64_t> between;
  for (const StackRun& run : {kKept, kOffloaded}) {
    const auto stack = MakeStack(run);
    const std::vector<Tensor> inputs = StackInputs(run, 0);
    FakeAccelerator::Finish();
    const int64_t before = FakeAccelerator::live_bytes();
    FakeAccelerator::ClearRecord();
    const Tensor loss = stack->forward(inputs[0], inputs[1]).square().mean();
    FakeAccelerator::Finish();
    between.push_back(FakeAccelerator::live_bytes() - before);
    FakeAccelerator::ClearRecord();
    loss.backward();
    EXPECT_TRUE(FakeAccelerator::syncs().empty());
  }
  const int64_t input = 64 * kStackWidth * 4;
  // Fourteen blocks' inputs, each [64, 64] fp32.
  EXPECT_EQ(between[0] - between[1], 14 * input);
}

TEST(ActivationStoreTest, TheLastInputComesBackFirstAndOneAhead) {
  const auto stack = MakeStack(kOffloaded);
  const std::vector<Tensor> inputs = StackInputs(kOffloaded, 0);
  FakeAccelerator::ClearRecord();
  const Tensor loss = stack->forward(inputs[0], inputs[1]).square().mean();
  const int64_t input = 64 * kStackWidth * 4;
  EXPECT_EQ(FakeAccelerator::CountTransfers(Direction::kToHost), 14);
  EXPECT_EQ(FakeAccelerator::TransferredBytes(Direction::kToHost), 14 * input);
  FakeAccelerator::ClearRecord();
  loss.backward();
  EXPECT_EQ(FakeAccelerator::CountTransfers(Direction::kToDevice), 14);
  EXPECT_TRUE(FakeAccelerator::syncs().empty());
}

TEST(ActivationStoreTest, RestoresOrderShapeAndWhatNeverLeft) {
  ActivationStore store;
  const Tensor large = torch::randn({8, 4}).to(kFake).t();
  const Tensor small = torch::randn({4}).to(kFake);
  const Tensor here = torch::randn({8, 4});
  const auto first = store.Keep({small, large});
  const auto second = store.Keep({here, large});
  const auto again = store.Restore(*second);
  EXPECT_TRUE(again[0].equal(here));
  EXPECT_TRUE(again[1].equal(large));
  EXPECT_EQ(again[1].strides(), large.strides());
  const auto earlier = store.Restore(*first);
  EXPECT_TRUE(earlier[0].is_alias_of(small));
  EXPECT_TRUE(earlier[1].equal(large));
}

}  // namespace
}  // namespace atelier::trainer::testing
