#include "client/output/text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "proto/cc/enum_name.h"
#include "proto/cc/utf8.h"

namespace atelier::client {
namespace {

// The size of the control character that begins at `index`; 0: none does. C1
// characters are two bytes in UTF-8, U+0080 to U+009F.
size_t ControlSize(absl::string_view text, size_t index) {
  const auto byte = static_cast<unsigned char>(text[index]);
  if (byte < 0x20 || byte == 0x7F) return 1;
  if (byte != 0xC2 || index + 1 >= text.size()) return 0;
  const auto next = static_cast<unsigned char>(text[index + 1]);
  return next >= 0x80 && next <= 0x9F ? 2 : 0;
}

std::string EscapeControls(absl::string_view given, bool keeps_lines) {
  const std::string text = ToUtf8(given);
  std::string result;
  for (size_t i = 0; i < text.size();) {
    const size_t size = ControlSize(text, i);
    const bool is_layout = text[i] == '\n' || text[i] == '\t';
    if (size == 0 || (keeps_lines && is_layout)) {
      result += text[i++];
      continue;
    }
    const char last = text[i + size - 1];
    if (is_layout) {
      absl::StrAppend(&result, last == '\n' ? "\\n" : "\\t");
    } else {
      absl::StrAppendFormat(&result, "\\x%02x",
                            static_cast<unsigned char>(last));
    }
    i += size;
  }
  return result;
}

const char* StateColor(v1::JobState state) {
  switch (state) {
    case v1::JOB_STATE_SUCCEEDED:
      return "\x1b[32m";
    case v1::JOB_STATE_FAILED:
      return "\x1b[31m";
    case v1::JOB_STATE_STARTING:
    case v1::JOB_STATE_RUNNING:
      return "\x1b[36m";
    case v1::JOB_STATE_CANCELLED:
    case v1::JOB_STATE_STOPPING:
      return "\x1b[33m";
    default:
      return "";
  }
}

}  // namespace

std::string Printable(absl::string_view text) {
  return EscapeControls(text, false);
}

std::string PrintableLines(absl::string_view text) {
  return EscapeControls(text, true);
}

std::string DurationText(absl::Duration duration) {
  const int64_t seconds = std::max<int64_t>(0, absl::ToInt64Seconds(duration));
  const int64_t hours = seconds / 3600;
  const int64_t minutes = seconds / 60 % 60;
  if (hours >= 48) return absl::StrCat(hours / 24, "d", hours % 24, "h");
  if (hours > 0) return absl::StrFormat("%dh%02dm", hours, minutes);
  if (minutes > 0) return absl::StrFormat("%dm%02ds", minutes, seconds % 60);
  return absl::StrCat(seconds, "s");
}

std::string BytesText(int64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string LocalTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0 && time.nanos() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S",
                          absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

std::string NumberText(double number) {
  return absl::StrFormat("%.4g", number);
}

std::string StateText(v1::JobState state, const Terminal& terminal) {
  const std::string name = EnumName(state);
  const std::string color = StateColor(state);
  if (!terminal.has_color || color.empty()) return name;
  return absl::StrCat(color, name, "\x1b[0m");
}

}  // namespace atelier::client
