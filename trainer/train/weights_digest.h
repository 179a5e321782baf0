// Digests of loaded weights, by which caches tell networks apart.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// SHA-256 (hexadecimal) over names, shapes and bytes of the module's
// parameters, those whose names begin with `left_out` excepted (empty: none).
//
// Threads: one a core; T5-XXL alone has 19 GB.
std::string WeightsDigest(const torch::nn::Module& module,
                          absl::string_view left_out = "");

}  // namespace atelier::trainer
