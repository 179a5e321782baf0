// Plain values in words, and text of others made safe for a terminal.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "atelier/v1/job.pb.h"
#include "client/context.h"

namespace atelier::client {

// Control characters (C0, DEL, C1) as `\n`, `\t` or `\xNN`, bytes that are not
// UTF-8 as `?`: what a job is called must not move the cursor.
std::string Printable(absl::string_view text);
// The same for text of several lines: line ends and tabs stay.
std::string PrintableLines(absl::string_view text);

// `1h02m`, `3m07s`, `8s`.
std::string DurationText(absl::Duration duration);
// `1.5 GiB`.
std::string BytesText(int64_t bytes);
// In the local time zone; empty for a time that is not set.
std::string LocalTime(const google::protobuf::Timestamp& time);
// Four significant digits.
std::string NumberText(double number);

// `RUNNING`, coloured where the terminal has colours.
std::string StateText(v1::JobState state, const Terminal& terminal);

}  // namespace atelier::client
