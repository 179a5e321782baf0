// Whole models of Stable Diffusion 1, 2 and XL in the original layout, in half
// precision.
#pragma once

#include <map>
#include <string>

#include "trainer/tensor/torch.h"

namespace atelier::trainer::testing {

std::map<std::string, Tensor> TinySd1Tensors();
// Its text encoder has a layer more than is run.
std::map<std::string, Tensor> TinySd2Tensors();
std::map<std::string, Tensor> TinySdxlTensors();

// The same model as a Diffusers folder's tensors, `unet/conv_in.weight`.
std::map<std::string, Tensor> TinySd2Folder();
std::map<std::string, Tensor> TinySdxlFolder();

}  // namespace atelier::trainer::testing
