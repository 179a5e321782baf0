// The only include of LibTorch in the trainer, and its precompiled header.
#pragma once

#include <torch/torch.h>  // IWYU pragma: export

namespace atelier::trainer {

using torch::Tensor;

}  // namespace atelier::trainer
