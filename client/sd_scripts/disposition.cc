#include "client/sd_scripts/disposition.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/utf8.h"

namespace atelier::client::sd_scripts {
namespace {

constexpr size_t kShownBytes = 200;

std::string OneLine(const std::string& text) {
  std::string line =
      CutUtf8(ToUtf8(text.substr(0, 2 * kShownBytes)), kShownBytes);
  std::replace_if(
      line.begin(), line.end(),
      [](unsigned char c) { return absl::ascii_iscntrl(c); }, ' ');
  return line;
}

}  // namespace

const char* DoesName(Does does) {
  switch (does) {
    case Does::kSame:
      return "same";
    case Does::kOther:
      return "other";
    case Does::kDefault:
      return "default";
    case Does::kIgnored:
      return "ignored";
    case Does::kRefused:
      return "refused";
  }
  return "";
}

std::string DispositionText(const Disposition& disposition) {
  const std::string given = OneLine(disposition.given);
  const std::string value = OneLine(disposition.value);
  const std::string what = absl::StrCat(given, value.empty() ? "" : " ", value);
  const std::string set = absl::StrCat(disposition.option, " = ",
                                       OneLine(disposition.option_value));
  switch (disposition.does) {
    case Does::kDefault:
      return absl::StrCat("set: ", set, ": ", disposition.reason);
    case Does::kOther:
      return absl::StrCat("note: ", what, " is ", set,
                          disposition.reason.empty() ? "" : ": ",
                          disposition.reason);
    case Does::kSame:
      return absl::StrCat("note: ", what, ": ", disposition.reason);
    case Does::kIgnored:
    case Does::kRefused:
      return absl::StrCat(DoesName(disposition.does), ": ", what, ": ",
                          disposition.reason);
  }
  return "";
}

std::vector<const Disposition*> Notable(
    const std::vector<Disposition>& dispositions) {
  std::vector<const Disposition*> notable;
  for (const Disposition& each : dispositions) {
    if (!each.reason.empty()) notable.push_back(&each);
  }
  return notable;
}

}  // namespace atelier::client::sd_scripts
