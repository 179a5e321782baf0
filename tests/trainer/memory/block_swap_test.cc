#include <ATen/autocast_mode.h>

#include <functional>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/host_kernels.h"
#include "tests/trainer/memory/block_stack.h"
#include "trainer/optim/adamw.h"
#include "trainer/optim/registry.h"

namespace atelier::trainer::testing {
namespace {

using Direction = FakeTransfer::Direction;
using ::testing::ElementsAreArray;

// Six double and eight single blocks; four to swap: two doubles and four
// singles, so that blocks 2 to 5 and 8 to 13 live on the host.
const StackRun kPlain;
const StackRun kSwapped = {.blocks_to_swap = 4};
const std::vector<size_t> kOnHost = {2, 3, 4, 5, 8, 9, 10, 11, 12, 13};

std::map<std::string, Tensor> GradientsOf(const StackRun& run) {
  const auto stack = MakeStack(run);
  Differentiate(*stack, run, 0);
  return Gradients(*stack);
}

using OptimizerMaker = std::function<std::unique_ptr<Optimizer>(
    std::vector<ParameterGroup> groups)>;

// Some steps of an optimizer, with previews between them; then the weights.
std::map<std::string, Tensor> TrainStack(const StackRun& run,
                                         const OptimizerMaker& make) {
  const auto stack = MakeStack(run);
  ParameterGroup group{"unet", 1e-2, {}};
  for (const auto& item : stack->named_parameters()) {
    group.parameters.push_back({item.key(), item.value()});
  }
  const auto optimizer = make({group});
  for (int64_t step = 0; step < 4; ++step) {
    stack->zero_grad();
    Differentiate(*stack, run, step);
    optimizer->Step(1);
    const torch::NoGradGuard no_grad;
    const auto inputs = StackInputs(run, 1000);
    stack->forward(inputs[0], inputs[1]);
  }
  return Weights(*stack);
}

std::unique_ptr<Optimizer> MakeAdamWWithKernels(
    std::vector<ParameterGroup> groups) {
  return std::make_unique<AdamW>(std::move(groups), AdamWOptions(),
                                 &HostKernels());
}

TEST(BlockSwapTest, GradientsAreThoseWithoutSwappingBitForBit) {
  const auto expected = GradientsOf(kPlain);
  ExpectSame(GradientsOf(kSwapped), expected);
  ExpectSame(GradientsOf({.blocks_to_swap = 6}), expected);
  ExpectSame(GradientsOf({.blocks_to_swap = 4, .recompute = true}), expected);
  ExpectSame(
      GradientsOf({.blocks_to_swap = 4, .recompute = true, .offload = true}),
      expected);
}

TEST(BlockSwapTest, AccumulatedGradientsAreTheSameToo) {
  const auto expected = GradientsOf({.accumulation = 3});
  ExpectSame(GradientsOf({.blocks_to_swap = 4, .accumulation = 3}), expected);
}

TEST(BlockSwapTest, AdamWTrainsTheSameWeightsBitForBit) {
  const auto expected = TrainStack(kPlain, MakeAdamWWithKernels);
  ExpectSame(TrainStack(kSwapped, MakeAdamWWithKernels), expected);
  ExpectSame(TrainStack({.blocks_to_swap = 6, .recompute = true},
                        MakeAdamWWithKernels),
             expected);
}

// Operators on a device and a loop of its own on the CPU round differently.
bool RoundsByDevice(const OptimizerKind& kind) {
  return kind.name == "AdamW" || kind.name == "Adafactor" ||
         kind.name.starts_with("DAdapt");
}

TEST(BlockSwapTest, EveryOptimizerTrainsTheSameWeights) {
  for (const OptimizerKind& kind : AllOptimizers()) {
    SCOPED_TRACE(kind.name);
    const auto make = [&](std::vector<ParameterGroup> groups) {
      return MakeOptimizer(kind.name, {}, std::move(groups)).value();
    };
    const auto& expect = RoundsByDevice(kind) ? ExpectClose : ExpectSame;
    expect(TrainStack(kSwapped, make), TrainStack(kPlain, make));
  }
}

TEST(BlockSwapTest, WeightsAreWholeAndOnTheHostBetweenSteps) {
  const auto stack = MakeStack(kSwapped);
  const Tensor weight = stack->blocks[13]->weights[0];
  Differentiate(*stack, kSwapped, 0);
  for (const size_t i : kOnHost) {
    for (const Tensor& tensor : stack->blocks[i]->parameters()) {
      EXPECT_TRUE(tensor.is_cpu() && tensor.grad().is_cpu()) << i;
    }
    EXPECT_TRUE(stack->blocks[i]->offset.is_cpu());
  }
  EXPECT_TRUE(weight.is_same(stack->blocks[13]->weights[0]));
  EXPECT_EQ(stack->blocks[0]->scale.device(), kFake);
  EXPECT_EQ(stack->blocks[0]->scale.grad().device(), kFake);
}

TEST(BlockSwapTest, TheDeviceNeverHoldsTheWeightsThatAreSwapped) {
  FakeAccelerator::Finish();
  const int64_t before = FakeAccelerator::live_bytes();
  const auto plain = MakeStack(kPlain);
  const int64_t whole = FakeAccelerator::live_bytes() - before;
  const int64_t between = FakeAccelerator::live_bytes();
  FakeAccelerator::ResetPeak();
  const auto swapped = MakeStack(kSwapped);
  const int64_t reduced = FakeAccelerator::live_bytes() - between;
  EXPECT_EQ(FakeAccelerator::peak_bytes(), FakeAccelerator::live_bytes());
  // Two doubles and four singles less; the two places of each list are rounded
  // up.
  int64_t saved = 0;
  for (const auto& [block, count] : {std::pair{0, 4}, std::pair{6, 6}}) {
    int64_t bytes = 0;
    for (const auto& list : {plain->blocks[block]->parameters(),
                             plain->blocks[block]->buffers()}) {
      for (const Tensor& tensor : list) {
        bytes += static_cast<int64_t>(tensor.nbytes());
      }
    }
    saved += count * bytes - 2 * plain->MovedBytes(block);
  }
  EXPECT_EQ(whole - reduced, saved);
}

TEST(BlockSwapTest, ThePeakOfAStepFallsByWeightsAndGradients) {
  std::vector<int64_t> peaks;
  for (const StackRun& run :
       {StackRun{.recompute = true},
        StackRun{.blocks_to_swap = 4, .recompute = true}}) {
    FakeAccelerator::Finish();
    const int64_t before = FakeAccelerator::live_bytes();
    const auto stack = MakeStack(run);
    FakeAccelerator::ResetPeak();
    Differentiate(*stack, run, 0);
    peaks.push_back(FakeAccelerator::peak_bytes() - before);
  }
  // At the end of the backward pass. Less: the weights of two doubles and four
  // singles, and the gradients of the four and six that live on the host. More:
  // the last block's gradients, which are on their way.
  const auto stack = MakeStack(kPlain);
  const int64_t doubles = stack->MovedBytes(0);
  const int64_t singles = stack->MovedBytes(6);
  const int64_t saved = (2 + 4 - 1) * doubles + (4 + 6) * singles;
  EXPECT_NEAR(static_cast<double>(peaks[0] - peaks[1]),
              static_cast<double>(saved), 0.05 * static_cast<double>(saved));
}

// Sizes of what arrived and left, in order.
struct Moves {
  std::vector<int64_t> in, out;
};

Moves MovesOf(const std::vector<FakeTransfer>& transfers) {
  Moves moves;
  for (const FakeTransfer& transfer : transfers) {
    EXPECT_FALSE(transfer.blocks);
    EXPECT_GT(transfer.stream, 0);
    auto& list =
        transfer.direction == Direction::kToDevice ? moves.in : moves.out;
    list.push_back(transfer.bytes);
  }
  return moves;
}

TEST(BlockSwapTest, BlocksMoveOnceEachWayAheadOfTheirUse) {
  const auto stack = MakeStack(kSwapped);
  const std::vector<Tensor> inputs = StackInputs(kSwapped, 0);
  FakeAccelerator::ClearRecord();
  const Tensor loss = stack->forward(inputs[0], inputs[1]).square().mean();
  std::vector<int64_t> expected;
  for (const size_t i : kOnHost) expected.push_back(stack->MovedBytes(i));
  EXPECT_THAT(MovesOf(FakeAccelerator::transfers()).in,
              ElementsAreArray(expected));
  EXPECT_TRUE(FakeAccelerator::syncs().empty());

  FakeAccelerator::ClearRecord();
  loss.backward();
  // Backwards, without the last two of each list, which are there already.
  const std::vector<size_t> again = {11, 10, 9, 8, 3, 2};
  expected.clear();
  for (const size_t i : again) expected.push_back(stack->MovedBytes(i));
  const Moves moves = MovesOf(FakeAccelerator::transfers());
  EXPECT_THAT(moves.in, ElementsAreArray(expected));
  // Every gradient leaves; the first ones are of block 13.
  expected.clear();
  for (auto i = kOnHost.rbegin(); i != kOnHost.rend(); ++i) {
    for (const Tensor& tensor : stack->blocks[*i]->parameters()) {
      expected.push_back(static_cast<int64_t>(tensor.nbytes()));
    }
  }
  EXPECT_THAT(moves.out, ElementsAreArray(expected));
  // The host waits once, for the gradients to have arrived.
  ASSERT_EQ(FakeAccelerator::syncs().size(), 1u);
  EXPECT_EQ(FakeAccelerator::syncs()[0].what, "event");
}

TEST(BlockSwapTest, TheNextBlockIsUnderWayWhileOneRuns) {
  const auto stack = MakeStack(kSwapped);
  const std::vector<Tensor> inputs = StackInputs(kSwapped, 0);
  // Before block i runs, its successor's transfer has been started.
  std::vector<size_t> started;
  Tensor x = torch::linear(inputs[0], stack->in);
  FakeAccelerator::ClearRecord();
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < stack->blocks.size(); ++i) {
    StackBlock& block = *stack->blocks[i];
    x = stack->runner->Run(
        static_cast<int64_t>(i),
        [&](const std::vector<Tensor>& values) {
          started.push_back(FakeAccelerator::transfers().size());
          return block.forward(values[0], values[1]);
        },
        {x, inputs[1]});
  }
  // Two at once at the beginning; each list's places are filled as soon as the
  // list before has no more to fetch.
  EXPECT_THAT(started,
              ElementsAreArray({2, 2, 2, 3, 6, 6, 6, 6, 6, 7, 8, 9, 10, 10}));
}

TEST(BlockSwapTest, BlocksMayBeRunOutOfTurn) {
  const auto stack = MakeStack(kSwapped);
  const auto plain = MakeStack(kPlain);
  const std::vector<Tensor> inputs = StackInputs(kSwapped, 0);
  const auto run = [&](BlockStack& network, int64_t index) {
    StackBlock& block = *network.blocks[index];
    return network.runner->Run(
        index,
        [&](const std::vector<Tensor>& values) {
          return block.forward(values[0], values[1]);
        },
        inputs);
  };
  for (const int64_t index : {4, 13, 13, 9, 2, 5, 0, 3}) {
    EXPECT_TRUE(run(*stack, index).equal(run(*plain, index))) << index;
  }
}

TEST(BlockSwapTest, FrozenBlocksMoveWithoutGradients) {
  const auto stack = MakeStack(kSwapped);
  for (Tensor& tensor : stack->blocks[12]->parameters()) {
    tensor.requires_grad_(false);
  }
  Differentiate(*stack, kSwapped, 0);
  EXPECT_FALSE(stack->blocks[12]->scale.grad().defined());
  EXPECT_TRUE(stack->blocks[11]->scale.grad().equal(
      GradientsOf(kPlain).at("block11.scale")));
}

TEST(BlockSwapTest, AutocastLeavesNoCastsOfSwappedWeightsOnTheDevice) {
  const auto step = [](const StackRun& run, int64_t* live) {
    const auto stack = MakeStack(run);
    const std::vector<Tensor> inputs = StackInputs(run, 0);
    FakeAccelerator::Finish();
    const int64_t before = FakeAccelerator::live_bytes();
    at::autocast::set_autocast_dtype(kFake.type(), torch::kBFloat16);
    at::autocast::set_autocast_enabled(kFake.type(), true);
    at::autocast::increment_nesting();
    const Tensor loss = stack->forward(inputs[0], inputs[1]).square().mean();
    *live = FakeAccelerator::live_bytes() - before;
    at::autocast::decrement_nesting();
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(kFake.type(), false);
    loss.backward();
    return Gradients(*stack);
  };
  int64_t plain_bytes = 0;
  int64_t swapped_bytes = 0;
  const auto expected = step({.recompute = true}, &plain_bytes);
  ExpectSame(step({.blocks_to_swap = 6, .recompute = true}, &swapped_bytes),
             expected);
  EXPECT_LE(swapped_bytes, plain_bytes);
}

TEST(BlockSwapTest, TooManyBlocksAreRefused) {
  BlockStack stack(6, 8);
  const absl::Status status = stack.runner->SetBlocksToSwap(8, kFake);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(stack.runner->SetBlocksToSwap(6, kFake).ok());
}

}  // namespace
}  // namespace atelier::trainer::testing
