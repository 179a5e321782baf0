#include "trainer/optim/arguments.h"

#include <cmath>

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

enum class ValueKind { kNumber, kFlag, kPair, kOptional };

std::string Text(std::string_view view) { return std::string(view); }

ValueKind KindOf(const ArgumentSpec& spec) {
  if (spec.default_value == "None") return ValueKind::kOptional;
  if (spec.default_value == "True" || spec.default_value == "False") {
    return ValueKind::kFlag;
  }
  return spec.default_value.find(',') == std::string_view::npos
             ? ValueKind::kNumber
             : ValueKind::kPair;
}

// Python takes a number in quotes for text; people mean the number.
absl::string_view WithoutQuotes(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  for (const char quote : {'\'', '"'}) {
    if (text.size() >= 2 && text.front() == quote && text.back() == quote) {
      return absl::StripAsciiWhitespace(text.substr(1, text.size() - 2));
    }
  }
  return text;
}

absl::string_view WithoutBrackets(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  for (const auto& [open, close] : {std::pair{"(", ")"}, std::pair{"[", "]"}}) {
    if (absl::ConsumePrefix(&text, open)) absl::ConsumeSuffix(&text, close);
  }
  text = absl::StripAsciiWhitespace(text);
  absl::ConsumeSuffix(&text, ",");
  return text;
}

std::optional<std::vector<double>> ParseNumbers(absl::string_view text,
                                                const ArgumentSpec& spec) {
  std::vector<double> values;
  for (absl::string_view part : absl::StrSplit(WithoutBrackets(text), ',')) {
    double value = 0;
    if (!absl::SimpleAtod(absl::StripAsciiWhitespace(part), &value) ||
        !(value >= spec.smallest && value <= spec.largest)) {
      return std::nullopt;
    }
    values.push_back(value);
  }
  return values;
}

// Nothing where the text is not a value of the spec's kind.
std::optional<std::vector<double>> ParseValue(absl::string_view text,
                                              const ArgumentSpec& spec) {
  text = WithoutQuotes(text);
  const ValueKind kind = KindOf(spec);
  if (kind == ValueKind::kFlag) {
    bool flag = false;
    if (!absl::SimpleAtob(text, &flag)) return std::nullopt;
    return std::vector<double>{flag ? 1.0 : 0.0};
  }
  if (kind == ValueKind::kOptional && text == "None") {
    return std::vector<double>();
  }
  auto values = ParseNumbers(text, spec);
  const size_t expected = kind == ValueKind::kPair ? 2 : 1;
  if (!values || values->size() != expected) return std::nullopt;
  return values;
}

std::string Expectation(const ArgumentSpec& spec) {
  const ValueKind kind = KindOf(spec);
  if (kind == ValueKind::kFlag) return "True or False";
  std::string range = absl::StrCat("at least ", spec.smallest);
  if (std::isfinite(spec.largest)) {
    range = absl::StrCat("within ", spec.smallest, " to ", spec.largest);
  }
  if (kind == ValueKind::kPair) return absl::StrCat("two numbers ", range);
  return absl::StrCat("a number ", range,
                      kind == ValueKind::kOptional ? ", or None" : "");
}

absl::StatusOr<const ArgumentSpec*> FindSpec(
    std::string_view optimizer, absl::Span<const ArgumentSpec> specs,
    absl::string_view name) {
  std::vector<std::string> names;
  for (const ArgumentSpec& spec : specs) {
    if (Text(spec.name) == name) return &spec;
    names.emplace_back(spec.name);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("optimizer_args has '", name, "', which ", Text(optimizer),
                   " does not take", DidYouMean(name, names), "; it takes ",
                   absl::StrJoin(names, ", ")));
}

}  // namespace

absl::StatusOr<OptimizerArguments> OptimizerArguments::Parse(
    std::string_view optimizer, absl::Span<const ArgumentSpec> specs,
    absl::Span<const std::string> texts) {
  OptimizerArguments arguments;
  for (const ArgumentSpec& spec : specs) {
    arguments.values_[Text(spec.name)] =
        *ParseValue(Text(spec.default_value), spec);
  }
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("optimizer_args has '", text, "', expected NAME=VALUE"));
    }
    const absl::string_view name =
        absl::StripAsciiWhitespace(absl::string_view(text).substr(0, equals));
    ASSIGN_OR_RETURN(const ArgumentSpec* spec,
                     FindSpec(optimizer, specs, name));
    const auto value = ParseValue(text.substr(equals + 1), *spec);
    if (!value) {
      return absl::InvalidArgumentError(absl::StrCat(
          "optimizer_args has '", text, "', expected ", Expectation(*spec)));
    }
    arguments.values_[Text(spec->name)] = *value;
  }
  return arguments;
}

double OptimizerArguments::Number(const std::string& name) const {
  return values_.at(name).at(0);
}

bool OptimizerArguments::Flag(const std::string& name) const {
  return Number(name) != 0;
}

std::pair<double, double> OptimizerArguments::Pair(
    const std::string& name) const {
  const std::vector<double>& values = values_.at(name);
  return {values.at(0), values.at(1)};
}

std::optional<double> OptimizerArguments::Optional(
    const std::string& name) const {
  const std::vector<double>& values = values_.at(name);
  if (values.empty()) return std::nullopt;
  return values[0];
}

}  // namespace atelier::trainer
