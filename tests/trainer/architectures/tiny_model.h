// Small checkpoints of the real classes, with random weights that depend on
// nothing but their names, and a tokenizer of single bytes.
#pragma once

#include <map>
#include <string>

#include "trainer/architectures/architecture.h"

namespace atelier::trainer::testing {

// The weights of a module under `prefix`: norms about 1, the rest small.
void AddRandomWeights(const std::string& prefix, torch::nn::Module& module,
                      std::map<std::string, Tensor>& tensors);

// Writes vocab.json and merges.txt; returns `folder`. Ids 512 and 513 are start
// and end.
std::string WriteTinyTokenizer(const std::string& folder);

// What tests give to Architecture::load.
ModelOptions TinyOptions();

// A registered architecture with the checkpoint that its tests use.
struct TinyArchitecture {
  std::string name;
  std::map<std::string, Tensor> tensors;
  // Files of components, by the name of their option.
  std::map<std::string, std::map<std::string, Tensor>> components;
  // Stands in the names of some of the denoiser's tensors.
  std::string part = ".middle_block.0.";
};
// One for each row of AllArchitectures().
TinyArchitecture TinyArchitectureOf(const Architecture& architecture);

}  // namespace atelier::trainer::testing
