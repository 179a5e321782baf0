// Every command, and the door that main and the tests go through.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

#include "client/command.h"

namespace atelier::client {

// In the order of the help text.
absl::Span<const Command> AllCommands();

// Runs the command that `tokens` (without the program's name) asks for, prints
// what it says, and returns the exit status (exit_code.h).
int RunClient(absl::Span<const std::string> tokens, Context& context);

}  // namespace atelier::client
