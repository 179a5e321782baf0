// Text that may enter a protobuf string.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace atelier {

bool IsUtf8(absl::string_view text);

// The same text with `?` for every byte that is not part of valid UTF-8.
std::string ToUtf8(absl::string_view text);

// At most `limit_bytes`, never cut inside a character; ends with `…` where
// something is missing.
std::string CutUtf8(absl::string_view text, size_t limit_bytes);

}  // namespace atelier
