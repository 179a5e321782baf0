// The tensors of published checkpoints, as the lists in full_size/ have them.
#pragma once

#include <string>

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/tensor/torch.h"

namespace atelier::trainer::testing {

// The names and shapes of full_size/NAME.txt.
TensorIndex FullSizeIndex(const std::string& name);

// Expects that the module has these parameters and buffers and no others.
// Memory of a network that is only laid out is never touched, so it costs
// address space alone.
void ExpectFullSize(const torch::nn::Module& module, const TensorIndex& index);

}  // namespace atelier::trainer::testing
