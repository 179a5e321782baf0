// toml++ as every program here uses it: parsing returns its error. Nothing
// includes toml++ in another way: its parser is another class with exceptions,
// under the same name, and one program must not hold both.
#pragma once

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include "toml++/toml.h"  // IWYU pragma: export
