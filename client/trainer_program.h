// The worker program on this machine, for what needs no daemon.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "client/context.h"

namespace atelier::client {

// ATELIER_TRAINER of the environment, else `atelier-trainer` beside this
// program. Errors: FAILED_PRECONDITION where there is none, saying where it was
// looked for.
absl::StatusOr<std::string> FindTrainer(const Context& context);

struct ProgramOutput {
  std::string text;     // standard output
  int exit_status = 0;  // 128 + the signal, where one ended it
};

// Runs a program in `folder` to its end. Its standard error is this process's,
// its standard input empty. Errors: INTERNAL where it cannot be started.
absl::StatusOr<ProgramOutput> RunProgram(const std::vector<std::string>& words,
                                         const std::string& folder);

}  // namespace atelier::client
