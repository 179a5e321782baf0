// A training command of sd-scripts on the command line of `submit` and
// `convert`: after --, as arguments or as one quoted text, or in a file.
#pragma once

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

#include "client/command.h"
#include "client/sd_scripts/conversion.h"

namespace atelier::client {

// The flag that names a file with the command.
Flag CommandFileFlag();

bool HasPastedCommand(const Arguments& arguments);

// Errors: INVALID_ARGUMENT, see conversion.h; also where there is no command,
// or two.
absl::StatusOr<sd_scripts::Conversion> ReadPastedCommand(
    const Invocation& invocation);

// What a person should know of the conversion, a line each.
void PrintNotable(const sd_scripts::Conversion& conversion,
                  const Context& context);

// An object for everything that the command gives: {given, value, does, option,
// option_value, reason}, without what is empty.
nlohmann::ordered_json DispositionsToJson(
    const sd_scripts::Conversion& conversion);

}  // namespace atelier::client
