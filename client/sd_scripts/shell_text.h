// Commands as people keep them: shell text with quotes, continued lines,
// comments and variables, taken apart without running anything.
//
// The grammar is the part of POSIX sh (IEEE 1003.1, XCU 2) that such texts use:
// words, the three ways of quoting, `\` before a line end (spaces between are
// forgiven), `#`, NAME=value, $NAME, ~, `cd`, `export`, lists by ; && || & |,
// redirections. Text for the shells of Windows, told by lines that end with ^
// or ` or by a drive's letter, keeps its backslashes. Substitution of commands,
// here-documents and arrays are refused.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::client::sd_scripts {

struct ShellCommand {
  std::vector<std::string> assignments;  // NAME=value before the first word
  std::vector<std::string> words;
  // What `cd` had led to, from where the text began; empty: nowhere else.
  std::string folder;
  int line = 1;
};

// Looks a variable of the environment up; empty where it is unset.
using Environment = std::function<std::string(const char* name)>;

// The commands of a text, without those that only assign, export or cd.
// Errors: INVALID_ARGUMENT, with the line, for a quote without an end, an unset
// variable, what is not read, NUL, more than 1 MiB.
absl::StatusOr<std::vector<ShellCommand>> ReadShellText(
    absl::string_view text, const Environment& environment);

}  // namespace atelier::client::sd_scripts
