// What a command of the client is, and what it is given.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "client/arguments.h"
#include "client/connection.h"
#include "client/context.h"

namespace atelier::client {

struct Invocation {
  const Arguments& arguments;
  Context& context;

  bool json() const { return arguments.Has("json"); }
  // The daemon that flags, environment and configuration name. Nothing is sent
  // yet. Errors: INVALID_ARGUMENT for a broken address or configuration.
  absl::StatusOr<std::unique_ptr<Connection>> Connect() const;
};

struct Command {
  std::string name;
  std::string summary;  // one line, for the list of commands
  Signature signature;
  // Returns the exit status, or the error that the caller prints.
  absl::StatusOr<int> (*run)(const Invocation& invocation);
};

}  // namespace atelier::client
