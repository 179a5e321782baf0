// The arguments that optimizer_args gives to an optimizer, checked against
// those that it accepts.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace atelier::trainer {

// One accepted argument. Its kind is that of its default: a number, a flag
// (True, False), or two numbers (0.9,0.999). None is accepted where the default
// is None.
struct ArgumentSpec {
  std::string_view name;
  std::string_view default_value;
  double smallest;
  double largest;
};

class OptimizerArguments {
 public:
  // `texts` are `name=value`, values as in Python: numbers, True, False, None,
  // tuples with or without parentheses or brackets, all of them also in quotes.
  //
  // Errors: INVALID_ARGUMENT: an unknown name, with the nearest and all that
  // exist; a value of the wrong kind or out of range.
  static absl::StatusOr<OptimizerArguments> Parse(
      std::string_view optimizer, absl::Span<const ArgumentSpec> specs,
      absl::Span<const std::string> texts);

  // Only for names among the specs.
  double Number(const std::string& name) const;
  bool Flag(const std::string& name) const;
  std::pair<double, double> Pair(const std::string& name) const;
  // Nothing for None.
  std::optional<double> Optional(const std::string& name) const;

 private:
  std::map<std::string, std::vector<double>> values_;
};

}  // namespace atelier::trainer
