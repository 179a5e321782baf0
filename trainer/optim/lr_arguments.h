// The settings that lr_scheduler_args gives to a schedule, checked against
// those that it takes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace atelier::trainer {

// A setting that a schedule takes, with its value where it is not given; empty:
// it must be given; `None`: it may be left out.
struct LrArgument {
  enum class Kind { kNumber, kWhole, kFlag, kNumbers, kText };

  std::string_view name;
  std::string_view default_value;
  Kind kind = Kind::kNumber;
  double smallest = 0;
  std::string_view choices = "";  // of a text, `linear|cosine`; empty: any
};

class LrArguments {
 public:
  // `texts` are `name=value` with values as Python has them: numbers, True and
  // False, lists in brackets, text with or without quotes.
  //
  // Errors: INVALID_ARGUMENT naming the schedule, what it was given and what it
  // takes.
  static absl::StatusOr<LrArguments> Parse(std::string_view schedule,
                                           absl::Span<const LrArgument> specs,
                                           absl::Span<const std::string> texts);

  // Only for names among the specs, those without a value excepted.
  double Number(const std::string& name) const;
  bool Flag(const std::string& name) const { return Number(name) != 0; }
  const std::vector<double>& Numbers(const std::string& name) const;
  const std::string& Text(const std::string& name) const;

  bool Has(const std::string& name) const;

 private:
  struct Value {
    std::vector<double> numbers;
    std::string text;
  };

  std::map<std::string, Value> values_;
};

}  // namespace atelier::trainer
