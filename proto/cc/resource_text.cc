#include "proto/cc/resource_text.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/status_macros.h"

namespace atelier {
namespace {

constexpr int kMaxDevices = 1024;

struct Unit {
  char letter;
  int64_t bytes;
};
constexpr Unit kUnits[] = {{'T', int64_t{1} << 40},
                           {'G', int64_t{1} << 30},
                           {'M', int64_t{1} << 20},
                           {'K', int64_t{1} << 10},
                           {'B', 1}};

absl::Status Refuse(absl::string_view what, absl::string_view text,
                    absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is \"", text, "\"; it must be ", expected));
}

// `1-02:03:04` and `02:03:04`.
absl::StatusOr<absl::Duration> ParseClock(absl::string_view text) {
  int days = 0;
  const size_t dash = text.find('-');
  if (dash != absl::string_view::npos) {
    if (!absl::SimpleAtoi(text.substr(0, dash), &days))
      return absl::InvalidArgumentError("");
    text.remove_prefix(dash + 1);
  }
  const std::vector<absl::string_view> parts = absl::StrSplit(text, ':');
  int hours = 0, minutes = 0, seconds = 0;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &hours) ||
      !absl::SimpleAtoi(parts[1], &minutes) ||
      !absl::SimpleAtoi(parts[2], &seconds))
    return absl::InvalidArgumentError("");
  return absl::Hours(24 * days + hours) + absl::Minutes(minutes) +
         absl::Seconds(seconds);
}

absl::Status SetDevices(const std::string& text, v1::JobSpec* spec) {
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  v1::DeviceRequest& devices = *spec->mutable_devices();
  const auto type = EnumFromName<v1::DeviceType>(parts.first);
  const bool has_type =
      type.has_value() && *type != v1::DEVICE_TYPE_UNSPECIFIED;
  const std::string number = has_type ? parts.second : text;
  int count = has_type && number.empty() ? 1 : 0;
  if (count == 0 &&
      (!absl::SimpleAtoi(number, &count) || count < 1 || count > kMaxDevices))
    return Refuse("devices", text, "cpu, gpu, gpu:2 or a number from 1 on");
  if (has_type) devices.set_type(*type);
  devices.set_count(count);
  return absl::OkStatus();
}

absl::Status SetTimeLimit(const std::string& text, v1::JobSpec* spec) {
  ASSIGN_OR_RETURN(const absl::Duration limit, ParseTimeLimit(text));
  const int64_t seconds = absl::ToInt64Seconds(limit);
  spec->mutable_time_limit()->set_seconds(seconds);
  spec->mutable_time_limit()->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(limit - absl::Seconds(seconds))));
  return absl::OkStatus();
}

absl::Status SetAction(const std::string& text, v1::JobSpec* spec) {
  const auto action = EnumFromName<v1::TimeLimitAction>(text);
  if (!action.has_value() || *action == v1::TIME_LIMIT_ACTION_UNSPECIFIED)
    return Refuse("on_time_limit", text, "fail or requeue");
  spec->set_on_time_limit(*action);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ParseBytes(absl::string_view text) {
  const std::string upper =
      absl::AsciiStrToUpper(absl::StripAsciiWhitespace(text));
  absl::string_view rest = upper;
  int64_t unit = 0;
  const bool has_suffix =
      absl::ConsumeSuffix(&rest, "IB") ||
      (rest.size() > 1 && absl::ascii_isalpha(rest[rest.size() - 2]) &&
       absl::ConsumeSuffix(&rest, "B"));
  for (const Unit& each : kUnits) {
    if (unit != 0 || rest.empty() || rest.back() != each.letter) continue;
    if (has_suffix && each.bytes == 1) continue;
    unit = each.bytes;
    rest.remove_suffix(1);
  }
  double number = 0;
  const bool fits =
      unit != 0 &&
      absl::SimpleAtod(absl::StripAsciiWhitespace(rest), &number) &&
      number >= 0 && number * static_cast<double>(unit) < 9e18;
  if (!fits)
    return Refuse("size", text, "a number with a unit, as 24G or 512M");
  return std::llround(number * static_cast<double>(unit));
}

std::string ByteText(int64_t bytes) {
  for (const Unit& unit : kUnits)
    if (bytes != 0 && bytes % unit.bytes == 0)
      return absl::StrCat(bytes / unit.bytes, std::string(1, unit.letter));
  return "0B";
}

absl::StatusOr<absl::Duration> ParseTimeLimit(absl::string_view text) {
  const char* expected =
      "a time above zero, as 90m, 1h30m, 2d, 45 (seconds) or 12:00:00";
  const std::string limit(absl::StripAsciiWhitespace(text));
  absl::Duration value;
  double number = 0;
  absl::string_view days = limit;
  if (limit.find(':') != std::string::npos) {
    value = ParseClock(limit).value_or(absl::ZeroDuration());
  } else if (absl::SimpleAtod(limit, &number)) {
    value = absl::Seconds(number);
  } else if (absl::ConsumeSuffix(&days, "d") &&
             absl::SimpleAtod(days, &number)) {
    value = absl::Hours(24 * number);
  } else if (!absl::ParseDuration(limit, &value)) {
    return Refuse("time_limit", text, expected);
  }
  if (value <= absl::ZeroDuration() || value > absl::Hours(24 * 3650))
    return Refuse("time_limit", text, expected);
  return value;
}

const std::vector<std::string>& ResourceKeys() {
  static const auto* const kKeys = new std::vector<std::string>{
      "devices",     "min_vram",   "gpu_model",
      "host_memory", "time_limit", "on_time_limit"};
  return *kKeys;
}

absl::Status SetResource(const std::string& key, const std::string& text,
                         v1::JobSpec* spec) {
  if (key == "devices") return SetDevices(text, spec);
  if (key == "gpu_model") return SetDeviceKey("model", text, spec);
  if (key == "time_limit") return SetTimeLimit(text, spec);
  if (key == "on_time_limit") return SetAction(text, spec);
  return SetDeviceKey(key, text, spec);
}

absl::Status SetDeviceKey(const std::string& key, const std::string& text,
                          v1::JobSpec* spec) {
  v1::DeviceRequest& devices = *spec->mutable_devices();
  if (key == "type") {
    const auto type = EnumFromName<v1::DeviceType>(text);
    if (!type.has_value() || *type == v1::DEVICE_TYPE_UNSPECIFIED)
      return Refuse("type", text, "\"cpu\" or \"gpu\"");
    devices.set_type(*type);
    return absl::OkStatus();
  }
  if (key == "count") {
    int count = 0;
    if (!absl::SimpleAtoi(text, &count) || count < 1 || count > kMaxDevices)
      return Refuse("count", text, "from 1 to 1024");
    devices.set_count(count);
    return absl::OkStatus();
  }
  if (key == "model") {
    devices.set_model(text);
    return absl::OkStatus();
  }
  if (key != "min_vram" && key != "host_memory") {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown key ", key,
                     " in devices; known are type, count, "
                     "min_vram, model and host_memory"));
  }
  const absl::StatusOr<int64_t> bytes = ParseBytes(text);
  if (!bytes.ok())
    return Refuse(key, text, "a number with a unit, as 24G or 512M");
  if (key == "min_vram")
    devices.set_min_vram_bytes(*bytes);
  else
    devices.set_host_memory_bytes(*bytes);
  return absl::OkStatus();
}

std::string ResourceToml(const v1::JobSpec& spec) {
  const v1::DeviceRequest& request = spec.devices();
  std::vector<std::string> devices;
  if (request.type() != v1::DEVICE_TYPE_UNSPECIFIED)
    devices.push_back(absl::StrCat(
        "type = \"", absl::AsciiStrToLower(EnumName(request.type())), "\""));
  if (request.count() != 0)
    devices.push_back(absl::StrCat("count = ", request.count()));
  if (request.min_vram_bytes() != 0)
    devices.push_back(absl::StrCat("min_vram = \"",
                                   ByteText(request.min_vram_bytes()), "\""));
  // Models have neither quotes nor control characters (options_validate).
  if (!request.model().empty())
    devices.push_back(absl::StrCat("model = \"", request.model(), "\""));
  if (request.host_memory_bytes() != 0)
    devices.push_back(absl::StrCat(
        "host_memory = \"", ByteText(request.host_memory_bytes()), "\""));
  std::string out;
  if (!devices.empty())
    absl::StrAppend(&out, "devices = { ", absl::StrJoin(devices, ", "), " }\n");
  if (spec.has_time_limit())
    absl::StrAppend(
        &out, "time_limit = \"",
        absl::FormatDuration(absl::Seconds(spec.time_limit().seconds()) +
                             absl::Nanoseconds(spec.time_limit().nanos())),
        "\"\n");
  if (spec.on_time_limit() != v1::TIME_LIMIT_ACTION_UNSPECIFIED)
    absl::StrAppend(&out, "on_time_limit = \"",
                    absl::AsciiStrToLower(EnumName(spec.on_time_limit())),
                    "\"\n");
  return out;
}

}  // namespace atelier
