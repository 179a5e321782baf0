// The options that a command gives to its script, after its configuration file.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

#include "client/sd_scripts/option_row.h"

namespace atelier::client::sd_scripts {

struct GivenOption {
  const OptionRow* row = nullptr;
  std::string place;  // file:line for a key of a configuration file, else empty
  // One for all but flags, which have none, and lists, which have any number.
  std::vector<std::string> values;

  bool is_from_file() const { return !place.empty(); }
};

class GivenOptions {
 public:
  // Of options given twice the last one counts, as argparse has it.
  void Set(GivenOption option);
  // Adds those of `other` that are not there.
  void AddMissing(const GivenOptions& other);

  const GivenOption* Find(absl::string_view name) const;
  bool Has(absl::string_view name) const { return Find(name) != nullptr; }
  // The first value; empty where the option is not given.
  std::string Value(absl::string_view name) const;

  const std::vector<GivenOption>& all() const { return options_; }

 private:
  std::vector<GivenOption> options_;
};

// `unknown option …` for a name that the script does not know: with its nearest
// name, or where else it belongs.
std::string UnknownScriptOption(absl::string_view name, const Script& script);

// Why the text is no value of the option; empty where it is one. Integers and
// numbers may have _ between digits, as in Python.
std::string ValueFault(const OptionRow& row, absl::string_view text,
                       bool checks_choices);

// `1_000` as `1000`.
std::string WithoutDigitGroups(const OptionRow& row, absl::string_view text);

}  // namespace atelier::client::sd_scripts
