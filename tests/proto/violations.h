// What the tests of this folder say about lists of violations.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/str_join.h"

#include "proto/cc/error_details.h"

namespace atelier {

inline std::vector<std::string> Messages(
    const std::vector<Violation>& violations) {
  std::vector<std::string> messages;
  for (const Violation& violation : violations) {
    messages.push_back(violation.message);
  }
  return messages;
}

inline std::vector<std::string> Fields(
    const std::vector<Violation>& violations) {
  std::vector<std::string> fields;
  for (const Violation& violation : violations) {
    fields.push_back(violation.field);
  }
  return fields;
}

}  // namespace atelier
