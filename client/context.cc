#include "client/context.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"

namespace atelier::client {
namespace {

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

Terminal ProcessTerminal() {
  Terminal terminal;
  terminal.is_terminal = isatty(STDOUT_FILENO) == 1;
  // https://no-color.org: set and not empty switches colour off.
  terminal.has_color = terminal.is_terminal && Variable("NO_COLOR").empty() &&
                       Variable("TERM") != "dumb";
  winsize size = {};
  int columns = 0;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  } else if (absl::SimpleAtoi(Variable("COLUMNS"), &columns) && columns > 0) {
    terminal.width = static_cast<size_t>(columns);
  }
  return terminal;
}

}  // namespace

Context ProcessContext() {
  std::error_code ignored;
  return {std::cout,
          std::cerr,
          ProcessTerminal(),
          Variable,
          std::filesystem::current_path(ignored).string(),
          [](absl::Duration time) { absl::SleepFor(time); },
          [] { return absl::Now(); }};
}

}  // namespace atelier::client
