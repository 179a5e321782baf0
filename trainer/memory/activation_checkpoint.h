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

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

using CheckpointedBlock = std::function<Tensor(const std::vector<Tensor>&)>;

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

}  // namespace atelier::trainer
