// Options whose meaning hangs on their value or on other options of the
// command, as sd-scripts itself has it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/sd_scripts/option_mapping.h"
#include "client/sd_scripts/option_row.h"

namespace atelier::client::sd_scripts {

struct SpecialCase {
  // In place of the row's own.
  std::optional<Treatment> treatment;
  // In place of the values given, where there are any.
  std::vector<std::string> values;
};

SpecialCase SpecialCaseOf(const GivenOption& option, const Reading& reading);

}  // namespace atelier::client::sd_scripts
