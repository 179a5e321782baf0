// Collects every mistake of a dataset description, so that one run shows all.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace atelier::trainer {

struct ConfigReport {
  std::string file;  // the description's path, which begins its messages
  std::vector<std::string> errors;
  std::vector<std::string> warnings;

  void WarnOnce(const std::string& warning);

  // OK without errors; else INVALID_ARGUMENT with a line for each, at most 100.
  absl::Status ToStatus() const;
};

}  // namespace atelier::trainer
