// Protobuf messages as JSON in the form that all programs print: fields by
// their proto names, 64-bit integers as numbers, enums without prefix,
// timestamps in RFC 3339, durations in seconds, numbers that are not finite as
// null, bytes left out.
#pragma once

#include <string>

#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "nlohmann/json.hpp"

namespace atelier {

// Fields with presence (sub-messages, `optional`, oneof members) only where
// they are set; all others always.
nlohmann::ordered_json MessageToJson(const google::protobuf::Message& message);

// The same, appended to an object.
void AppendFields(const google::protobuf::Message& message,
                  nlohmann::ordered_json* object);

// `2026-01-31T12:00:00.123Z`.
std::string TimeText(const google::protobuf::Timestamp& time);

// On one line, without a line end; bytes that are not UTF-8 are replaced.
std::string JsonLine(const nlohmann::ordered_json& json);

}  // namespace atelier
