// Text as caption files hold it: UTF-8, stripped as Python's str.strip does.
#pragma once

#include "absl/strings/string_view.h"

namespace atelier::trainer {

// Without Unicode whitespace at both ends.
absl::string_view StripWhitespace(absl::string_view text);

// Well-formed UTF-8: no overlong forms, no surrogates, nothing past U+10FFFF.
bool IsUtf8(absl::string_view text);

}  // namespace atelier::trainer
