// What this build of the trainer can do, as plain rows; printed by
// `atelier-trainer --describe`.
#pragma once

#include <string>
#include <vector>

namespace atelier::trainer {

struct Capabilities {
  std::vector<std::string> architectures;
  std::vector<std::string> optimizers;
  std::vector<std::string> samplers;
  bool has_cuda = false;
  std::string cuda_message;
  std::string torch_version;
};

}  // namespace atelier::trainer
