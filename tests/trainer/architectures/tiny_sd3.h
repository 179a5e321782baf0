// A small Stable Diffusion 3 checkpoint.
#pragma once

#include <map>
#include <string>

#include "tests/trainer/architectures/tiny_model.h"
#include "trainer/architectures/sd3/config.h"

namespace atelier::trainer::testing {

// Two blocks, 12 x 12 positions, a context 128 wide.
sd3::MmditConfig TinyMmditConfig();

// Every tensor of a whole model in the original layout, in half precision: a
// transformer of this form, its autoencoder and all three text encoders.
std::map<std::string, Tensor> TinySd3Tensors(
    const sd3::MmditConfig& transformer);

// With SD3.5 Medium's norms and second attention.
TinyArchitecture TinySd3();

}  // namespace atelier::trainer::testing
