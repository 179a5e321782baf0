#include "proto/cc/option_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "proto/cc/suggestion.h"
#include "proto/cc/utf8.h"

namespace atelier {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Longest text that an option takes; a job as a whole stays below 256 KiB.
constexpr size_t kTextLimitBytes = 16384;

bool IsInteger(const Option& option) {
  return option.field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 ||
         option.field->cpp_type() == FieldDescriptor::CPPTYPE_INT64;
}

std::string Quoted(const OptionValue& value) {
  const std::string text = CutUtf8(ToUtf8(ValueText(value)), 200);
  return std::holds_alternative<std::string>(value)
             ? absl::StrCat("\"", text, "\"")
             : text;
}

absl::Status Refuse(const Option& option, const OptionValue& value,
                    absl::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(option.name, " is ", Quoted(value), "; must be ", allowed));
}

// `at least 0`, `above 0 and at most 10`, …
std::string RangeInWords(const v1::OptionInfo& info) {
  std::vector<std::string> parts;
  if (info.has_min()) {
    parts.push_back(absl::StrCat(info.min_exclusive() ? "above " : "at least ",
                                 ValueText(info.min())));
  }
  if (info.has_max()) {
    parts.push_back(absl::StrCat(info.max_exclusive() ? "below " : "at most ",
                                 ValueText(info.max())));
  }
  return absl::StrJoin(parts, " and ");
}

bool InRange(const v1::OptionInfo& info, double number) {
  if (info.has_min() &&
      (info.min_exclusive() ? number <= info.min() : number < info.min())) {
    return false;
  }
  return !info.has_max() ||
         (info.max_exclusive() ? number < info.max() : number <= info.max());
}

absl::Status CheckNumber(const Option& option, const OptionValue& value) {
  const double number = std::holds_alternative<int64_t>(value)
                            ? static_cast<double>(std::get<int64_t>(value))
                            : std::get<double>(value);
  if (!std::isfinite(number)) return Refuse(option, value, "a finite number");
  const bool fits_int32 = number >= std::numeric_limits<int32_t>::min() &&
                          number <= std::numeric_limits<int32_t>::max();
  if (!InRange(option.info, number)) {
    return Refuse(option, value, RangeInWords(option.info));
  }
  if (option.field->cpp_type() == FieldDescriptor::CPPTYPE_INT32 &&
      !fits_int32) {
    return Refuse(option, value, "an integer of at most 32 bits");
  }
  return absl::OkStatus();
}

absl::Status CheckText(const Option& option, const std::string& text) {
  if (!IsUtf8(text)) return Refuse(option, text, "valid UTF-8");
  if (text.find('\0') != text.npos) {
    return Refuse(option, absl::StrCat(text.substr(0, text.find('\0')), "…"),
                  "free of NUL characters");
  }
  if (text.empty() && option.info.path() != v1::PATH_KIND_UNSPECIFIED) {
    return Refuse(option, text, "a path");
  }
  if (text.size() > kTextLimitBytes) {
    return Refuse(option, text,
                  absl::StrCat("at most ", kTextLimitBytes, " bytes long"));
  }
  return absl::OkStatus();
}

// A number as a text option takes it; a whole number as an integer.
absl::StatusOr<OptionValue> NumberFromNumber(const Option& option,
                                             const OptionValue& value) {
  if (std::holds_alternative<int64_t>(value)) {
    if (IsInteger(option)) return value;
    return static_cast<double>(std::get<int64_t>(value));
  }
  const double number = std::get<double>(value);
  if (!IsInteger(option)) return value;
  constexpr double kExactLimit = 9007199254740992.0;  // 2^53
  if (std::trunc(number) == number && std::abs(number) <= kExactLimit) {
    return static_cast<int64_t>(number);
  }
  return Refuse(option, value, TypeInWords(option));
}

OptionValue LoadSingle(const Option& option, const Message& group) {
  const auto& in = *group.GetReflection();
  switch (option.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return in.GetBool(group, option.field);
    case FieldDescriptor::CPPTYPE_INT32:
      return static_cast<int64_t>(in.GetInt32(group, option.field));
    case FieldDescriptor::CPPTYPE_INT64:
      return in.GetInt64(group, option.field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return in.GetDouble(group, option.field);
    default:
      return in.GetString(group, option.field);
  }
}

}  // namespace

std::string TypeInWords(const Option& option) {
  switch (option.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_INT64:
      return "an integer";
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return "a number";
    default:
      return "a text";
  }
}

std::string ValueText(const OptionValue& value) {
  if (const bool* flag = std::get_if<bool>(&value)) {
    return *flag ? "true" : "false";
  }
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return absl::StrCat(*number);
  }
  if (const double* number = std::get_if<double>(&value)) {
    char digits[32];
    const auto end =
        std::to_chars(digits, digits + sizeof(digits), *number).ptr;
    return std::string(digits, end);
  }
  return std::get<std::string>(value);
}

absl::StatusOr<OptionValue> ParseValue(const Option& option,
                                       absl::string_view text) {
  const std::string given(text);
  if (option.is_flag()) {
    bool flag = false;
    if (absl::SimpleAtob(text, &flag)) return flag;
    return Refuse(option, given, TypeInWords(option));
  }
  int64_t integer = 0;
  if (IsInteger(option) && absl::SimpleAtoi(text, &integer)) return integer;
  const bool is_text =
      option.field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  if (is_text) return given;
  double number = 0;
  if (absl::SimpleAtod(text, &number)) return number;
  return Refuse(option, given, TypeInWords(option));
}

absl::StatusOr<OptionValue> ToOptionType(const Option& option,
                                         const OptionValue& value) {
  const bool is_number = std::holds_alternative<int64_t>(value) ||
                         std::holds_alternative<double>(value);
  switch (option.field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      if (std::holds_alternative<bool>(value)) return value;
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      if (std::holds_alternative<std::string>(value)) return value;
      if (is_number) return ValueText(value);
      break;
    default:
      if (is_number) return NumberFromNumber(option, value);
      break;
  }
  return Refuse(option, value, TypeInWords(option));
}

absl::Status CheckValue(const Option& option, const OptionValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) {
    if (absl::Status checked = CheckText(option, *text); !checked.ok()) {
      return checked;
    }
  }
  const std::vector<std::string> choices(option.info.choices().begin(),
                                         option.info.choices().end());
  const std::string typed = ValueText(value);
  if (!choices.empty() && !option.info.open_choices() &&
      std::find(choices.begin(), choices.end(), typed) == choices.end()) {
    const std::string known = absl::StrJoin(choices, ", ");
    return Refuse(
        option, value,
        choices.size() == 1
            ? known
            : absl::StrCat("one of ", known, DidYouMean(typed, choices)));
  }
  const bool is_number = std::holds_alternative<int64_t>(value) ||
                         std::holds_alternative<double>(value);
  return is_number ? CheckNumber(option, value) : absl::OkStatus();
}

void StoreValue(const Option& option, const OptionValue& value,
                Message* group) {
  const auto& in = *group->GetReflection();
  const FieldDescriptor* field = option.field;
  if (option.is_list()) {
    in.AddString(group, field, std::get<std::string>(value));
    return;
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return in.SetBool(group, field, std::get<bool>(value));
    case FieldDescriptor::CPPTYPE_INT32:
      return in.SetInt32(group, field,
                         static_cast<int32_t>(std::get<int64_t>(value)));
    case FieldDescriptor::CPPTYPE_INT64:
      return in.SetInt64(group, field, std::get<int64_t>(value));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return in.SetDouble(group, field, std::get<double>(value));
    default:
      return in.SetString(group, field, std::get<std::string>(value));
  }
}

std::vector<OptionValue> LoadValues(const Option& option,
                                    const Message& group) {
  if (!option.is_list()) return {LoadSingle(option, group)};
  std::vector<OptionValue> values;
  const auto& in = *group.GetReflection();
  for (int i = 0; i < in.FieldSize(group, option.field); ++i) {
    values.push_back(in.GetRepeatedString(group, option.field, i));
  }
  return values;
}

}  // namespace atelier
