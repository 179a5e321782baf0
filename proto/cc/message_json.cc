#include "proto/cc/message_json.h"

#include <cmath>
#include <map>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"

#include "proto/cc/enum_name.h"

namespace atelier {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Json = nlohmann::ordered_json;

Json FromDouble(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json FromEnum(const FieldDescriptor& field, int number) {
  if (field.enum_type() == v1::Architecture_descriptor()) {
    return ArchitectureName(static_cast<v1::Architecture>(number));
  }
  return EnumName(*field.enum_type(), number);
}

// A message, or the plain value that a well-known type stands for.
Json FromMessage(const Message& message) {
  if (message.GetDescriptor() == google::protobuf::Timestamp::GetDescriptor()) {
    return TimeText(static_cast<const google::protobuf::Timestamp&>(message));
  }
  if (message.GetDescriptor() == google::protobuf::Duration::GetDescriptor()) {
    const auto& span = static_cast<const google::protobuf::Duration&>(message);
    return static_cast<double>(span.seconds()) + span.nanos() * 1e-9;
  }
  return MessageToJson(message);
}

Json FromSingular(const Message& message, const FieldDescriptor& field) {
  const Reflection& in = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return in.GetInt32(message, &field);
    case FieldDescriptor::CPPTYPE_INT64:
      return in.GetInt64(message, &field);
    case FieldDescriptor::CPPTYPE_UINT32:
      return in.GetUInt32(message, &field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return in.GetUInt64(message, &field);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return FromDouble(in.GetDouble(message, &field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return FromDouble(in.GetFloat(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return in.GetBool(message, &field);
    case FieldDescriptor::CPPTYPE_ENUM:
      return FromEnum(field, in.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return in.GetString(message, &field);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FromMessage(in.GetMessage(message, &field));
  }
  return nullptr;
}

Json FromElement(const Message& message, const FieldDescriptor& field,
                 int index) {
  const Reflection& in = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return in.GetRepeatedInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return in.GetRepeatedInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return in.GetRepeatedUInt32(message, &field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return in.GetRepeatedUInt64(message, &field, index);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return FromDouble(in.GetRepeatedDouble(message, &field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return FromDouble(in.GetRepeatedFloat(message, &field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return in.GetRepeatedBool(message, &field, index);
    case FieldDescriptor::CPPTYPE_ENUM:
      return FromEnum(field, in.GetRepeatedEnumValue(message, &field, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return in.GetRepeatedString(message, &field, index);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return FromMessage(in.GetRepeatedMessage(message, &field, index));
  }
  return nullptr;
}

std::string KeyText(const Json& key) {
  return key.is_string() ? key.get<std::string>() : key.dump();
}

Json FromMap(const Message& message, const FieldDescriptor& field) {
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  const Reflection& in = *message.GetReflection();
  std::map<std::string, Json> sorted;
  for (int i = 0; i < in.FieldSize(message, &field); ++i) {
    const Message& entry = in.GetRepeatedMessage(message, &field, i);
    sorted[KeyText(FromSingular(entry, key))] = FromSingular(entry, value);
  }
  Json object = Json::object();
  for (auto& [name, item] : sorted) object[name] = std::move(item);
  return object;
}

Json FromRepeated(const Message& message, const FieldDescriptor& field) {
  Json array = Json::array();
  const int size = message.GetReflection()->FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    array.push_back(FromElement(message, field, i));
  }
  return array;
}

}  // namespace

void AppendFields(const Message& message, Json* object) {
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.type() == FieldDescriptor::TYPE_BYTES) continue;
    if (field.is_map()) {
      (*object)[field.name()] = FromMap(message, field);
    } else if (field.is_repeated()) {
      (*object)[field.name()] = FromRepeated(message, field);
    } else if (!field.has_presence() ||
               message.GetReflection()->HasField(message, &field)) {
      (*object)[field.name()] = FromSingular(message, field);
    }
  }
}

Json MessageToJson(const Message& message) {
  Json object = Json::object();
  AppendFields(message, &object);
  return object;
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  const absl::Time instant =
      absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", instant, absl::UTCTimeZone());
}

std::string JsonLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace atelier
