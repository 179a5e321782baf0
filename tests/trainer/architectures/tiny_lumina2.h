// A small Lumina Image 2 with its text encoder and autoencoder.
#pragma once

#include <map>
#include <string>

#include "tests/trainer/architectures/tiny_model.h"

namespace atelier::trainer::testing {

// The transformer in the original layout without a prefix.
std::map<std::string, Tensor> TinyLumina2Tensors();
// gemma2 and ae.
std::map<std::string, std::map<std::string, Tensor>> TinyLumina2Components();
TinyArchitecture TinyLumina2();

// Both in one file, under the names that such files have, with the tokenizer
// inside.
std::map<std::string, Tensor> TinyLumina2AllInOne();

absl::StatusOr<Model> LoadTinyLumina2(
    const std::map<std::string, Tensor>& main,
    const std::map<std::string, std::map<std::string, Tensor>>& components =
        TinyLumina2Components(),
    const ModelOptions& options = TinyOptions());
// The message; empty where it loads.
std::string TinyLumina2Error(
    const std::map<std::string, Tensor>& main,
    const std::map<std::string, std::map<std::string, Tensor>>& components =
        TinyLumina2Components(),
    const ModelOptions& options = TinyOptions());

}  // namespace atelier::trainer::testing
