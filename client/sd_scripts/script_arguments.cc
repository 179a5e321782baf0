#include "client/sd_scripts/script_arguments.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/sd_scripts/shown_text.h"

namespace atelier::client::sd_scripts {
namespace {

// -1, -.5: argparse takes such for values where no option looks like one.
bool IsNegativeNumber(absl::string_view word) {
  if (word.size() < 2 || word[0] != '-') return false;
  return absl::ascii_isdigit(static_cast<unsigned char>(word[1])) ||
         word[1] == '.';
}

// A word that names an option, known or not.
struct Named {
  const OptionRow* row = nullptr;
  std::optional<std::string> value;  // after =
  std::string fault;                 // where there is no row
};

class ScriptArgumentReader {
 public:
  ScriptArgumentReader(absl::Span<const std::string> arguments,
                       const Script& script, GivenOptions* given)
      : words_(arguments),
        script_(script),
        names_(RowNames(script)),
        given_(given) {}

  std::vector<Violation> Read() {
    while (!words_.empty()) {
      const std::string word = Take();
      std::optional<Named> named = Find(word);
      if (!named.has_value()) {
        Fault("", absl::StrCat("unexpected argument \"", ShownText(word),
                               "\"; an option begins with --"));
      } else if (named->row == nullptr) {
        Fault(word, named->fault);
        TakeValues();
      } else {
        TakeOption(*named->row, std::move(named->value));
      }
    }
    return std::move(violations_);
  }

 private:
  std::string Take() {
    const std::string word = words_.front();
    words_.remove_prefix(1);
    return word;
  }

  std::vector<std::string> TakeValues() {
    std::vector<std::string> values;
    while (!words_.empty() && !Find(words_.front()).has_value()) {
      values.push_back(Take());
    }
    return values;
  }

  // Nothing where the word is a value.
  std::optional<Named> Find(absl::string_view word) const {
    if (word.size() < 2 || word[0] != '-') return std::nullopt;
    if (word == "--") {
      return Named{nullptr, {}, "-- has no meaning after the script's name"};
    }
    const size_t equals = word.find('=');
    const absl::string_view typed = word.substr(0, equals);
    std::optional<std::string> value;
    if (equals != word.npos) value = std::string(word.substr(equals + 1));
    if (typed == "-h" || typed == "--help") {
      return Named{
          nullptr, {}, "--help explains the script and trains nothing"};
    }
    if (absl::StartsWith(typed, "--")) {
      Named named = FindByName(typed.substr(2));
      if (named.row != nullptr || !named.fault.empty()) {
        named.value = std::move(value);
        return named;
      }
    }
    if (IsNegativeNumber(word) || absl::StrContains(word, ' ')) {
      return std::nullopt;
    }
    const size_t dashes = typed.find_first_not_of('-');
    return Named{nullptr,
                 {},
                 UnknownScriptOption(
                     typed.substr(std::min(dashes, typed.size())), script_)};
  }

  Named FindByName(absl::string_view name) const {
    Named named;
    named.row = FindRow(name, script_);
    if (named.row != nullptr || name.empty()) return named;
    std::vector<std::string> longer;
    for (const std::string& each : names_) {
      if (absl::StartsWith(each, name)) longer.push_back(each);
    }
    if (longer.size() == 1) {
      named.row = FindRow(longer.front(), script_);
    } else if (longer.size() > 1) {
      named.fault =
          absl::StrCat("--", name, " may be each of ",
                       absl::StrJoin(longer, ", "), "; write the whole name");
    }
    return named;
  }

  void TakeOption(const OptionRow& row, std::optional<std::string> value) {
    GivenOption option;
    option.row = &row;
    if (row.kind == ValueKind::kFlag) {
      if (value.has_value()) {
        return Fault(row.name, absl::StrCat("--", row.name,
                                            " is a switch and takes no value"));
      }
    } else if (value.has_value()) {
      option.values.push_back(*std::move(value));
    } else if (row.kind == ValueKind::kList) {
      option.values = TakeValues();
    } else if (!words_.empty() && !Find(words_.front()).has_value()) {
      option.values.push_back(Take());
    } else {
      return Fault(row.name, absl::StrCat("--", row.name, " needs a value"));
    }
    for (std::string& each : option.values) {
      const std::string fault = ValueFault(row, each, true);
      if (!fault.empty()) return Fault(row.name, fault);
      each = WithoutDigitGroups(row, each);
    }
    given_->Set(std::move(option));
  }

  void Fault(absl::string_view field, absl::string_view message) {
    violations_.push_back({ShownText(field), std::string(message)});
  }

  absl::Span<const std::string> words_;
  const Script& script_;
  const std::vector<std::string> names_;
  GivenOptions* given_;
  std::vector<Violation> violations_;
};

}  // namespace

std::vector<Violation> ReadScriptArguments(
    absl::Span<const std::string> arguments, const Script& script,
    GivenOptions* given) {
  return ScriptArgumentReader(arguments, script, given).Read();
}

}  // namespace atelier::client::sd_scripts
