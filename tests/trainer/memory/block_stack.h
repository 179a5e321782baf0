// A small network of two kinds of blocks behind a BlockRunner, and its
// training on the fake accelerator.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "tests/support/fake_accelerator.h"
#include "trainer/memory/block_runner.h"
#include "trainer/tensor/device.h"

namespace atelier::trainer::testing {

// Registered before any backward pass starts autograd's threads.
inline const torch::Device kFake = FakeAccelerator::Device();

inline constexpr int64_t kStackWidth = 64;

// x + scale * tanh(x W + b + vec), W applied `depth` times.
struct StackBlock : torch::nn::Module {
  explicit StackBlock(int64_t depth) {
    for (int64_t i = 0; i < depth; ++i) {
      const std::string n = std::to_string(i);
      weights.push_back(register_parameter(
          "weight" + n, torch::randn({kStackWidth, kStackWidth}) * 0.3));
      biases.push_back(
          register_parameter("bias" + n, torch::randn({kStackWidth})));
    }
    scale = register_parameter("scale", torch::randn({kStackWidth}));
    offset = register_buffer("offset", torch::randn({kStackWidth}));
  }

  Tensor forward(const Tensor& x, const Tensor& vec) {
    Tensor h = x + offset;
    for (size_t i = 0; i < weights.size(); ++i) {
      h = torch::tanh(torch::linear(h, weights[i], biases[i]) + vec);
    }
    return x + scale * h;
  }

  std::vector<Tensor> weights, biases;
  Tensor scale, offset;
};

struct BlockStack : torch::nn::Module {
  BlockStack(int64_t doubles, int64_t singles) {
    torch::manual_seed(11);
    in = register_parameter("in", torch::randn({kStackWidth, kStackWidth}));
    std::vector<BlockRunner::Blocks> lists(2);
    for (int64_t i = 0; i < doubles; ++i) {
      lists[0].push_back(Add(2));
    }
    for (int64_t i = 0; i < singles; ++i) {
      lists[1].push_back(Add(1));
    }
    runner = std::make_unique<BlockRunner>(lists, std::vector<int64_t>{1, 2});
  }

  Tensor forward(const Tensor& input, const Tensor& vec) {
    Tensor x = torch::linear(input, in);
    for (size_t i = 0; i < blocks.size(); ++i) {
      StackBlock& block = *blocks[i];
      x = runner->Run(static_cast<int64_t>(i),
                      [&block](const std::vector<Tensor>& inputs) {
                        return block.forward(inputs[0], inputs[1]);
                      },
                      {x, vec});
    }
    return x;
  }

  // Bytes of the parameters and buffers of block i, each rounded up to 256 as
  // they are when they move.
  int64_t MovedBytes(size_t i) const {
    int64_t bytes = 0;
    for (const auto& list : {blocks[i]->parameters(), blocks[i]->buffers()}) {
      for (const Tensor& tensor : list) {
        bytes += (static_cast<int64_t>(tensor.nbytes()) + 255) / 256 * 256;
      }
    }
    return bytes;
  }

  std::shared_ptr<StackBlock> Add(int64_t depth) {
    auto block = std::make_shared<StackBlock>(depth);
    register_module("block" + std::to_string(blocks.size()), block);
    blocks.push_back(block);
    return block;
  }

  Tensor in;
  std::vector<std::shared_ptr<StackBlock>> blocks;
  std::unique_ptr<BlockRunner> runner;
};

struct StackRun {
  int64_t doubles = 6;
  int64_t singles = 8;
  int64_t blocks_to_swap = 0;
  bool recompute = false;
  bool offload = false;
  int accumulation = 1;
  int64_t rows = 3;  // of the input
};

// The network on the device as a job sets it up.
inline std::unique_ptr<BlockStack> MakeStack(const StackRun& run) {
  auto stack = std::make_unique<BlockStack>(run.doubles, run.singles);
  stack->runner->SetGradientCheckpointing(run.recompute, run.offload);
  const absl::Status swapped =
      stack->runner->SetBlocksToSwap(run.blocks_to_swap, kFake);
  TORCH_CHECK(swapped.ok(), std::string(swapped.message()));
  MoveModule(*stack, kFake, [&](const Tensor& tensor) {
    return stack->runner->IsSwapped(tensor);
  });
  return stack;
}

// A fixed input of one step; made before the step that is looked at.
inline std::vector<Tensor> StackInputs(const StackRun& run, int64_t step) {
  torch::manual_seed(100 + step);
  return {torch::randn({run.rows, kStackWidth}).to(kFake),
          torch::randn({kStackWidth}).to(kFake)};
}

// Forward and backward; leaves the gradients in the parameters.
inline void Differentiate(BlockStack& stack, const StackRun& run,
                          int64_t step) {
  for (int micro = 0; micro < run.accumulation; ++micro) {
    const std::vector<Tensor> inputs = StackInputs(run, 10 * step + micro);
    stack.forward(inputs[0], inputs[1]).square().mean().backward();
  }
}

inline std::map<std::string, Tensor> OnHost(
    const std::vector<std::pair<std::string, Tensor>>& tensors) {
  std::map<std::string, Tensor> result;
  for (const auto& [name, tensor] : tensors) {
    result[name] = tensor.detach().cpu().clone();
  }
  return result;
}

inline std::map<std::string, Tensor> Weights(const BlockStack& stack) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& item : stack.named_parameters()) {
    tensors.emplace_back(item.key(), item.value());
  }
  return OnHost(tensors);
}

inline std::map<std::string, Tensor> Gradients(const BlockStack& stack) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  for (const auto& item : stack.named_parameters()) {
    tensors.emplace_back(item.key(), item.value().grad());
  }
  return OnHost(tensors);
}

inline void ExpectSame(const std::map<std::string, Tensor>& found,
                       const std::map<std::string, Tensor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    EXPECT_TRUE(found.at(name).equal(tensor)) << name;
  }
}

// But for rounding in fp32.
inline void ExpectClose(const std::map<std::string, Tensor>& found,
                        const std::map<std::string, Tensor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    const double distance = (found.at(name) - tensor).norm().item<double>();
    EXPECT_LE(distance, 1e-6 * tensor.norm().item<double>()) << name;
  }
}

}  // namespace atelier::trainer::testing
