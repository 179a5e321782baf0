// Names of enum values as people, JSON and job files see them: without the
// type's prefix, RUNNING for JOB_STATE_RUNNING.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/generated_enum_reflection.h"

#include "atelier/v1/architecture.pb.h"

namespace atelier {

// "" for the UNSPECIFIED value; the number in digits for a value that this
// program does not know (a newer peer may send it).
std::string EnumName(const google::protobuf::EnumDescriptor& type, int number);

// The value of that name, in any case of letters; nothing for UNSPECIFIED and
// for names that do not exist.
std::optional<int> EnumNumber(const google::protobuf::EnumDescriptor& type,
                              absl::string_view name);

template <typename E>
std::string EnumName(E value) {
  return EnumName(*google::protobuf::GetEnumDescriptor<E>(),
                  static_cast<int>(value));
}

template <typename E>
std::optional<E> EnumFromName(absl::string_view name) {
  const std::optional<int> number =
      EnumNumber(*google::protobuf::GetEnumDescriptor<E>(), name);
  if (!number.has_value()) return std::nullopt;
  return static_cast<E>(*number);
}

// The name that is typed, `sd1`.
std::string ArchitectureName(v1::Architecture architecture);

}  // namespace atelier
