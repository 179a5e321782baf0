#include "proto/cc/enum_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace atelier {
namespace {

absl::string_view WithoutPrefix(
    const google::protobuf::EnumValueDescriptor& value) {
  absl::string_view prefix = value.type()->value(0)->name();
  absl::string_view name = value.name();
  if (absl::ConsumeSuffix(&prefix, "UNSPECIFIED")) {
    absl::ConsumePrefix(&name, prefix);
  }
  return name;
}

}  // namespace

std::string EnumName(const google::protobuf::EnumDescriptor& type, int number) {
  if (number == 0) return "";
  const auto* value = type.FindValueByNumber(number);
  return value == nullptr ? absl::StrCat(number)
                          : std::string(WithoutPrefix(*value));
}

std::optional<int> EnumNumber(const google::protobuf::EnumDescriptor& type,
                              absl::string_view name) {
  for (int i = 0; i < type.value_count(); ++i) {
    const auto& value = *type.value(i);
    if (value.number() == 0) continue;
    if (absl::EqualsIgnoreCase(WithoutPrefix(value), name)) {
      return value.number();
    }
  }
  return std::nullopt;
}

std::string ArchitectureName(v1::Architecture architecture) {
  return absl::AsciiStrToLower(EnumName(architecture));
}

}  // namespace atelier
