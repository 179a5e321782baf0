// How a text goes on in the next line, in the shells of Unix and of Windows.
#pragma once

#include <cstddef>

#include "absl/strings/string_view.h"

namespace atelier::client::sd_scripts {

// Whether a text is for cmd or PowerShell: a line ends with ^ or `, or a path
// begins with a drive, as C:\.
bool IsWindowsText(absl::string_view text);

// The bytes from `\` (or ^ or `, in Windows) to the line end after it, where
// `text` begins so, spaces between among them; 0 where it does not.
size_t ContinuationLength(absl::string_view text, bool is_windows);

}  // namespace atelier::client::sd_scripts
