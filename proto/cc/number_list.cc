#include "proto/cc/number_list.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace atelier {

std::optional<std::vector<ListedNumber>> ParseNumberList(
    absl::string_view text) {
  std::vector<ListedNumber> numbers;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    ListedNumber& number = numbers.emplace_back();
    number.text = std::string(absl::StripAsciiWhitespace(part));
    if (!absl::SimpleAtod(number.text, &number.value) ||
        !std::isfinite(number.value)) {
      return std::nullopt;
    }
  }
  return numbers;
}

}  // namespace atelier
