// Text options that are lists of numbers: `0.999,0.9999`.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace atelier {

struct ListedNumber {
  std::string text;  // as it was typed, without spaces
  double value = 0;
};

// Numbers between commas, spaces around them allowed. Nothing where one of them
// is not a finite number, or where there is none.
std::optional<std::vector<ListedNumber>> ParseNumberList(
    absl::string_view text);

}  // namespace atelier
