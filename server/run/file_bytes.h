// Small files read and written in one piece.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::server {

// Everything in a file of at most 1 MiB. Errors: NOT_FOUND; INTERNAL otherwise.
absl::StatusOr<std::string> ReadFileBytes(const std::string& path);

// Writes a file that must not exist yet, for its owner only, durably.
// Errors: ALREADY_EXISTS; RESOURCE_EXHAUSTED disk full; INTERNAL otherwise.
absl::Status WriteNewFile(const std::string& path, absl::string_view bytes);

// `what: path: reason` with the code that fits errno value `error`.
absl::Status FileError(int error, absl::string_view what,
                       const std::string& path);

}  // namespace atelier::server
