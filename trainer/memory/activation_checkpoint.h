// Gradient checkpointing: a block keeps only its inputs and is run again in the
// backward pass.
//
// The recomputed block sees the autocast state of its first run. Its parameters
// are inputs of the autograd node, so they get their gradients whether or not
// any tensor that goes in requires one, and each exactly once. Blocks must not
// draw random numbers and must not change their inputs in place.
#pragma once

#include <functional>
#include <vector>

#include "trainer/memory/activation_store.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer {

using CheckpointedBlock = std::function<Tensor(const std::vector<Tensor>&)>;

// Brings the weights of one block to the device for as long as it runs.
class BlockWeights {
 public:
  virtual ~BlockWeights() = default;
  virtual void Bring(bool backward) = 0;
  virtual void Release(bool backward) = 0;
  // The gradients that one backward pass gives to the block's parameters that
  // require them, in the order of Module::parameters(); called between Bring
  // and Release. They do not go through autograd.
  virtual void TakeGradients(const std::vector<Tensor>& gradients) = 0;
};

// Where the parts of a recomputed block are when it does not run; null: on the
// device. Owns: nothing, both outlive the backward pass.
struct BlockPlaces {
  BlockWeights* weights = nullptr;
  ActivationStore* inputs = nullptr;
};

// Runs `block` on `inputs`. `recompute` false runs it as it is, with the one
// difference that each input takes one gradient from the whole block, as it
// does from a recomputed one: so both ways give the same gradients bit for bit.
//
// Owns: `module` holds the parameters that `block` uses, and must live until
// the backward pass is over. Throws: what the block throws, in the backward
// pass too.
Tensor RunBlock(bool recompute, const torch::nn::Module& module,
                const CheckpointedBlock& block,
                const std::vector<Tensor>& inputs);

// Runs a block that is recomputed, whose weights or inputs are elsewhere
// meanwhile. The same numbers as RunBlock, bit for bit.
Tensor RunBlockAt(const BlockPlaces& places, const torch::nn::Module& module,
                  const CheckpointedBlock& block,
                  const std::vector<Tensor>& inputs);

}  // namespace atelier::trainer
