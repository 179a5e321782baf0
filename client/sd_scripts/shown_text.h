// What somebody typed, made fit for a message.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace atelier::client::sd_scripts {

// Valid UTF-8 of at most 100 bytes, however long the text is.
std::string ShownText(absl::string_view text);

}  // namespace atelier::client::sd_scripts
