#include "client/sd_scripts/shell_dialect.h"

#include "absl/strings/ascii.h"

namespace atelier::client::sd_scripts {
namespace {

bool IsContinuationMark(char c, bool is_windows) {
  return is_windows ? c == '^' || c == '`' : c == '\\';
}

bool HasDrive(absl::string_view text) {
  for (size_t colon = text.find(":\\"); colon != text.npos;
       colon = text.find(":\\", colon + 1)) {
    if (colon == 0) continue;
    const bool is_letter =
        absl::ascii_isalpha(static_cast<unsigned char>(text[colon - 1]));
    const bool begins =
        colon == 1 || absl::string_view(" \t\n\"'=").find(text[colon - 2]) !=
                          absl::string_view::npos;
    if (is_letter && begins) return true;
  }
  return false;
}

}  // namespace

bool IsWindowsText(absl::string_view text) {
  // After a space: a line of sh may end with a command in backquotes.
  for (size_t at = 1; at < text.size(); ++at) {
    if (absl::ascii_isspace(static_cast<unsigned char>(text[at - 1])) &&
        ContinuationLength(text.substr(at), true) != 0) {
      return true;
    }
  }
  return HasDrive(text);
}

size_t ContinuationLength(absl::string_view text, bool is_windows) {
  if (text.empty() || !IsContinuationMark(text[0], is_windows)) return 0;
  size_t at = 1;
  while (at < text.size() &&
         (text[at] == ' ' || text[at] == '\t' || text[at] == '\r')) {
    ++at;
  }
  return at < text.size() && text[at] == '\n' ? at + 1 : 0;
}

}  // namespace atelier::client::sd_scripts
