// Collects faults of a job under the path of the option that is to be changed.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "proto/cc/error_details.h"
#include "proto/cc/options_schema.h"

namespace atelier {

class RuleReport {
 public:
  explicit RuleReport(std::vector<Violation>* violations)
      : violations_(violations) {}

  void Require(bool holds, absl::string_view option,
               absl::string_view message) {
    if (holds) return;
    violations_->push_back({FindOption(option)->path, std::string(message)});
  }

 private:
  std::vector<Violation>* violations_;
};

}  // namespace atelier
