// Runs the repeated blocks of a transformer: recomputes them in the backward
// pass, keeps what is saved for that in host memory, and moves their weights
// between device and host memory around their use, as the job asks.
//
// Nothing of this changes a number: every way of running gives the same results
// and gradients bit for bit.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"

#include "trainer/memory/activation_checkpoint.h"
#include "trainer/memory/swap_plan.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

class BlockRunner {
 public:
  using Blocks = std::vector<std::shared_ptr<torch::nn::Module>>;

  // Blocks that the forward pass runs one after the other, each once. A
  // network may have several such lists (double and single stream blocks);
  // blocks are counted through all of them. `blocks_per_swap` says for each
  // list how many of its blocks count as one in blocks_to_swap; empty: one.
  explicit BlockRunner(std::vector<Blocks> lists,
                       std::vector<int64_t> blocks_per_swap = {});
  ~BlockRunner();
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  // Recompute each block in the backward pass; `offload` keeps the inputs that
  // this needs in host memory meanwhile (block_swap.h does it with weights).
  void SetGradientCheckpointing(bool recompute, bool offload = false);

  // Moves the weights of blocks that this names to host memory, where they are
  // updated and saved, and brings them to `device` whenever they run; see
  // swap_plan.h for which ones. These blocks are always recomputed: what
  // autograd would keep of them holds their weights. Must come before the
  // optimizer is made, which puts its state where the weights are, and before
  // the other weights go to the device (MoveModule with IsSwapped), so that the
  // device never holds all of them. Number formats are settled before. On the
  // CPU it only checks `count`. 0 swaps nothing.
  //
  // Errors: INVALID_ARGUMENT with the counts that the network takes.
  absl::Status SetBlocksToSwap(int64_t count, torch::Device device);
  // The most that SetBlocksToSwap takes.
  int64_t most_blocks_to_swap() const;
  // The same for a network that is on the device already, between two passes:
  // `count` is more than before. The optimizer's states have to follow
  // (Optimizer::FollowWeights).
  absl::Status SwapMoreBlocks(int64_t count, torch::Device device);
  // Whether a parameter or buffer lives in host memory.
  bool IsSwapped(const Tensor& tensor) const;

  // Runs block `index` of all lists. `inputs` and result as RunBlock.
  Tensor Run(int64_t index, const CheckpointedBlock& block,
             const std::vector<Tensor>& inputs);

  // A pass ended before its time, by an exception: the next one begins anew.
  void Abandon();
  // Seconds since the last call for which the device waited for weights or
  // inputs that were elsewhere; see TransferStream.
  double TakeWaitSeconds();

  int64_t size() const;

 private:
  struct State;

  std::vector<SwapList> SwapLists() const;

  std::unique_ptr<State> state_;
};

}  // namespace atelier::trainer
