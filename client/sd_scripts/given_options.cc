#include "client/sd_scripts/given_options.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "client/sd_scripts/shown_text.h"
#include "proto/cc/suggestion.h"

namespace atelier::client::sd_scripts {
namespace {

bool IsNumber(absl::string_view text) {
  double number = 0;
  return absl::SimpleAtod(text, &number);
}

std::string TypeFault(const OptionRow& row, absl::string_view text) {
  int64_t integer = 0;
  switch (row.kind) {
    case ValueKind::kInteger:
      return absl::SimpleAtoi(text, &integer) ? "" : "must be an integer";
    case ValueKind::kNumber:
      return IsNumber(text) ? "" : "must be a number";
    case ValueKind::kShare:
      absl::ConsumeSuffix(&text, "%");
      return IsNumber(text) ? "" : "must be a number of steps, or a share";
    default:
      return "";
  }
}

}  // namespace

void GivenOptions::Set(GivenOption option) {
  const auto is_same = [&](const GivenOption& each) {
    return absl::string_view(each.row->name) == option.row->name;
  };
  options_.erase(std::remove_if(options_.begin(), options_.end(), is_same),
                 options_.end());
  options_.push_back(std::move(option));
}

void GivenOptions::AddMissing(const GivenOptions& other) {
  for (const GivenOption& option : other.options_) {
    if (!Has(option.row->name)) options_.push_back(option);
  }
}

const GivenOption* GivenOptions::Find(absl::string_view name) const {
  for (const GivenOption& option : options_) {
    if (name == option.row->name) return &option;
  }
  return nullptr;
}

std::string GivenOptions::Value(absl::string_view name) const {
  const GivenOption* option = Find(name);
  const bool has_value = option != nullptr && !option->values.empty();
  return has_value ? option->values.front() : "";
}

std::string UnknownScriptOption(absl::string_view name, const Script& script) {
  const std::string shown = ShownText(name);
  std::vector<std::string> owners;
  for (const Script& each : AllScripts()) {
    if (FindRow(name, each) != nullptr) owners.push_back(each.file);
  }
  if (!owners.empty()) {
    return absl::StrCat(shown, " is no option of ", script.file,
                        "; it is one of ", absl::StrJoin(owners, ", "));
  }
  if (FindOption(name) != nullptr) {
    return absl::StrCat(shown, " is an option of Atelier's own, not of ",
                        script.file, "; give it before --");
  }
  return absl::StrCat("unknown option ", shown, " of ", script.file,
                      DidYouMean(shown, RowNames(script)));
}

std::string ValueFault(const OptionRow& row, absl::string_view text,
                       bool checks_choices) {
  const std::string shown = ShownText(text);
  const std::string type_fault = TypeFault(row, WithoutDigitGroups(row, text));
  if (!type_fault.empty()) {
    return absl::StrCat(row.name, " is \"", shown, "\"; ", type_fault);
  }
  if (!checks_choices || *row.choices == '\0') return "";
  const std::vector<std::string> choices = absl::StrSplit(row.choices, ',');
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) {
    return "";
  }
  return absl::StrCat(row.name, " is \"", shown, "\"; must be one of ",
                      absl::StrJoin(choices, ", "), DidYouMean(shown, choices));
}

std::string WithoutDigitGroups(const OptionRow& row, absl::string_view text) {
  if (row.kind != ValueKind::kInteger && row.kind != ValueKind::kNumber) {
    return std::string(text);
  }
  const auto is_digit = [&](size_t at) {
    return at < text.size() &&
           absl::ascii_isdigit(static_cast<unsigned char>(text[at]));
  };
  std::string plain;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool groups =
        text[at] == '_' && at > 0 && is_digit(at - 1) && is_digit(at + 1);
    if (!groups) plain += text[at];
  }
  return plain;
}

}  // namespace atelier::client::sd_scripts
