#include "trainer/optim/lr_arguments.h"

#include <cmath>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

#include "proto/cc/status_macros.h"
#include "proto/cc/suggestion.h"

namespace atelier::trainer {
namespace {

using ArgKind = LrArgument::Kind;

constexpr char kLrOption[] = "lr_scheduler_args";

// Takes one pair of enclosing characters off both ends.
absl::string_view Unwrapped(absl::string_view text, char open, char close) {
  text = absl::StripAsciiWhitespace(text);
  if (text.size() >= 2 && text.front() == open && text.back() == close) {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

std::optional<std::vector<double>> ReadLrNumbers(absl::string_view text,
                                                 const LrArgument& spec) {
  std::vector<double> numbers;
  text = Unwrapped(Unwrapped(text, '[', ']'), '(', ')');
  absl::ConsumeSuffix(&text, ",");
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    double number = 0;
    if (!absl::SimpleAtod(absl::StripAsciiWhitespace(part), &number) ||
        !std::isfinite(number) || number < spec.smallest ||
        (spec.kind == ArgKind::kWhole && number != std::floor(number))) {
      return std::nullopt;
    }
    numbers.push_back(number);
  }
  if (spec.kind != ArgKind::kNumbers && numbers.size() != 1)
    return std::nullopt;
  return numbers;
}

std::optional<std::string> ReadLrText(absl::string_view text,
                                      const LrArgument& spec) {
  text = Unwrapped(Unwrapped(text, '"', '"'), '\'', '\'');
  if (spec.choices.empty()) return std::string(text);
  for (const absl::string_view choice : absl::StrSplit(
           absl::string_view(spec.choices.data(), spec.choices.size()), '|')) {
    if (text == choice) return std::string(text);
  }
  return std::nullopt;
}

std::string LrExpectation(const LrArgument& spec) {
  switch (spec.kind) {
    case ArgKind::kFlag:
      return "True or False";
    case ArgKind::kNumbers:
      return absl::StrCat("numbers of at least ", spec.smallest,
                          " in brackets");
    case ArgKind::kText:
      return absl::StrCat(
          "one of ",
          absl::StrJoin(absl::StrSplit(std::string(spec.choices), '|'), ", "));
    case ArgKind::kWhole:
      return absl::StrCat("a whole number of at least ", spec.smallest);
    case ArgKind::kNumber:
      break;
  }
  return absl::StrCat("a number of at least ", spec.smallest);
}

absl::StatusOr<const LrArgument*> FindLrArgument(
    std::string_view schedule, absl::Span<const LrArgument> specs,
    absl::string_view name) {
  std::vector<std::string> names;
  for (const LrArgument& spec : specs) {
    if (std::string(spec.name) == name) return &spec;
    names.emplace_back(spec.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      kLrOption, " has '", name, "', which ", std::string(schedule),
      " does not take", DidYouMean(name, names),
      names.empty() ? "; it takes none"
                    : absl::StrCat("; it takes ", absl::StrJoin(names, ", "))));
}

}  // namespace

absl::StatusOr<LrArguments> LrArguments::Parse(
    std::string_view schedule, absl::Span<const LrArgument> specs,
    absl::Span<const std::string> texts) {
  std::map<std::string, std::string> given;
  for (const std::string& text : texts) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    if (text.find('=') == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat(kLrOption, " has '", text, "', expected NAME=VALUE"));
    }
    const std::string name(absl::StripAsciiWhitespace(parts.first));
    RETURN_IF_ERROR(FindLrArgument(schedule, specs, name).status());
    given[name] = parts.second;
  }
  LrArguments arguments;
  for (const LrArgument& spec : specs) {
    const std::string name(spec.name);
    const auto found = given.find(name);
    const std::string text =
        found == given.end() ? std::string(spec.default_value) : found->second;
    if (text.empty() && found == given.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(kLrOption, " must have ", name, "=…, ",
                       LrExpectation(spec), ", for ", std::string(schedule)));
    }
    if (absl::StripAsciiWhitespace(text) == "None") continue;
    std::optional<std::vector<double>> numbers;
    std::optional<std::string> word;
    bool flag = false;
    if (spec.kind == ArgKind::kText) {
      word = ReadLrText(text, spec);
    } else if (spec.kind != ArgKind::kFlag) {
      numbers = ReadLrNumbers(text, spec);
    } else if (absl::SimpleAtob(text, &flag)) {
      numbers = {flag ? 1.0 : 0.0};
    }
    if (!numbers && !word) {
      return absl::InvalidArgumentError(absl::StrCat(kLrOption, " has '", name,
                                                     "=", text, "', expected ",
                                                     LrExpectation(spec)));
    }
    arguments.values_[name] = {numbers.value_or(std::vector<double>()),
                               word.value_or("")};
  }
  return arguments;
}

double LrArguments::Number(const std::string& name) const {
  return values_.at(name).numbers.at(0);
}

const std::vector<double>& LrArguments::Numbers(const std::string& name) const {
  return values_.at(name).numbers;
}

const std::string& LrArguments::Text(const std::string& name) const {
  return values_.at(name).text;
}

bool LrArguments::Has(const std::string& name) const {
  return values_.find(name) != values_.end();
}

}  // namespace atelier::trainer
