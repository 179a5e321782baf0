// The arguments of a script, by the rules of Python's argparse that matter
// here: --name value, --name=value, names cut short as long as they are
// unambiguous, lists up to the next option, words that begin with - and have a
// space or are numbers taken as values
// (https://docs.python.org/3/library/argparse.html).
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

#include "client/sd_scripts/given_options.h"
#include "client/sd_scripts/script.h"
#include "proto/cc/error_details.h"

namespace atelier::client::sd_scripts {

// Returns every problem at once; what is right is in `given` all the same.
std::vector<Violation> ReadScriptArguments(
    absl::Span<const std::string> arguments, const Script& script,
    GivenOptions* given);

}  // namespace atelier::client::sd_scripts
