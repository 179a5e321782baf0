// Which daemon is meant: the first of --server, ATELIER_SERVER, `server` in
// ~/.config/atelier/config.toml ($XDG_CONFIG_HOME), the user's own daemon
// ($XDG_RUNTIME_DIR/atelier/atelier.sock, where it exists), the machine's
// (/run/atelier/atelier.sock).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "client/context.h"

namespace atelier::client {

// `flag` is the value of --server; empty: not given. Returns a gRPC target.
// Blocks: on the file system.
// Errors: INVALID_ARGUMENT for a broken configuration file or address.
absl::StatusOr<std::string> ServerAddress(const std::string& flag,
                                          const Context& context);

// `unix:/path`, `/path` or `host:port` as a gRPC target.
absl::StatusOr<std::string> ParseServerAddress(absl::string_view text);

}  // namespace atelier::client
