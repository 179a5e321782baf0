// The world outside the client, passed in so that tests can stand in for it.
#pragma once

#include <functional>
#include <ostream>
#include <string>

#include "absl/time/time.h"

namespace atelier::client {

// What is known of the device behind standard output.
struct Terminal {
  bool is_terminal = false;
  bool has_color = false;
  size_t width = 80;
};

struct Context {
  std::ostream& out;
  std::ostream& err;
  Terminal terminal;
  // A variable of the environment; empty where it is unset.
  std::function<std::string(const char* name)> env;
  // Absolute. Relative paths in flags count from here.
  std::string cwd;
  // Waits between two attempts to reach the daemon.
  std::function<void(absl::Duration)> sleep;
  std::function<absl::Time()> now;
};

// The process's own.
Context ProcessContext();

}  // namespace atelier::client
