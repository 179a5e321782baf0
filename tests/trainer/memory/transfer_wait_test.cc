// How long the device waits for what is elsewhere, by the clocks of the fake
// accelerator's streams.
#include "gtest/gtest.h"

#include "tests/trainer/memory/block_stack.h"

namespace atelier::trainer::testing {
namespace {

// A step, with its waits in seconds.
double WaitsOf(const StackRun& run, double operator_ms, double byte_ms) {
  const auto stack = MakeStack(run);
  Differentiate(*stack, run, 0);
  FakeAccelerator::Finish();
  stack->runner->TakeWaitSeconds();
  FakeAccelerator::SetCosts(operator_ms, byte_ms);
  FakeAccelerator::ClearRecord();
  const std::vector<Tensor> inputs = StackInputs(run, 1);
  stack->forward(inputs[0], inputs[1]).square().mean().backward();
  const double seconds = stack->runner->TakeWaitSeconds();
  FakeAccelerator::SetCosts(0.01, 1e-6);
  return seconds;
}

double SecondsOf(FakeTransfer::Direction direction, double byte_ms) {
  return 1e-3 * byte_ms *
         static_cast<double>(FakeAccelerator::TransferredBytes(direction));
}

const StackRun kSwapsSix = {.blocks_to_swap = 6, .rows = 64};
const StackRun kKeepsInputsOnHost = {
    .recompute = true, .offload = true, .rows = 64};

TEST(TransferWaitTest, SlowOnesAreMeasured) {
  for (const StackRun& run : {kSwapsSix, kKeepsInputsOnHost}) {
    const double waited = WaitsOf(run, /*operator_ms=*/1e-6, /*byte_ms=*/1e-2);
    const double in = SecondsOf(FakeTransfer::Direction::kToDevice, 1e-2);
    const double out = SecondsOf(FakeTransfer::Direction::kToHost, 1e-2);
    EXPECT_GT(waited, 0.5 * in);
    // What leaves makes room for what comes, so both may be waited for.
    EXPECT_LT(waited, 1.05 * (in + out));
  }
}

TEST(TransferWaitTest, MoreBlocksSwapInTheMiddleOfARun) {
  const StackRun plain;
  StackRun swapped;
  swapped.blocks_to_swap = 2;
  const auto stays = MakeStack(plain);
  const auto moves = MakeStack(swapped);
  Differentiate(*moves, swapped, 0);
  moves->zero_grad();
  const int64_t before = FakeAccelerator::live_bytes();
  const int64_t most = moves->runner->most_blocks_to_swap();
  ASSERT_GT(most, 2);
  ASSERT_TRUE(moves->runner->SwapMoreBlocks(most, kFake).ok());
  EXPECT_LT(FakeAccelerator::live_bytes(), before);
  Differentiate(*stays, plain, 1);
  Differentiate(*moves, swapped, 1);
  ExpectSame(Gradients(*moves), Gradients(*stays));
  EXPECT_FALSE(moves->runner->SwapMoreBlocks(most + 1, kFake).ok());
}

TEST(TransferWaitTest, APassThatRanOutOfMemoryLeavesTheNextOneAsItWas) {
  const auto calm = MakeStack(kSwapsSix);
  Differentiate(*calm, kSwapsSix, 1);
  const auto disturbed = MakeStack(kSwapsSix);
  FakeAccelerator::Finish();
  // Enough for some blocks, not for all.
  FakeAccelerator::SetLimit(FakeAccelerator::live_bytes() + 256 * 1024);
  EXPECT_THROW(Differentiate(*disturbed, kSwapsSix, 0), c10::OutOfMemoryError);
  FakeAccelerator::SetLimit(0);
  disturbed->runner->Abandon();
  disturbed->zero_grad();
  Differentiate(*disturbed, kSwapsSix, 1);
  ExpectSame(Gradients(*disturbed), Gradients(*calm));
}

}  // namespace
}  // namespace atelier::trainer::testing
