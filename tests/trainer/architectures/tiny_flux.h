// A small FLUX.1 with its text encoders and autoencoder.
#pragma once

#include <map>
#include <string>

#include "tests/trainer/architectures/tiny_model.h"

namespace atelier::trainer::testing {

// The transformer in the original layout without a prefix; dev has guidance.
std::map<std::string, Tensor> TinyFluxTensors(bool has_guidance = true);
// clip_l, t5xxl and ae.
std::map<std::string, std::map<std::string, Tensor>> TinyFluxComponents();
TinyArchitecture TinyFlux();

}  // namespace atelier::trainer::testing
