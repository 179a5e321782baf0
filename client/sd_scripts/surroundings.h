// What the reading of a command sees of the world around it.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"

#include "client/sd_scripts/shell_text.h"

namespace atelier::client::sd_scripts {

struct Surroundings {
  std::string cwd;  // absolute; relative paths count from here
  Environment environment;
  // A whole file, by its absolute path. Errors: NOT_FOUND where there is none.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file;
  // Whether there is something at an absolute path.
  std::function<bool(const std::string& path)> exists;
};

// The process's own files; `environment` looks variables up.
Surroundings ProcessSurroundings(std::string cwd, Environment environment);

// `path` from the surroundings' folder on.
std::string AbsolutePath(const Surroundings& surroundings,
                         const std::string& path);

}  // namespace atelier::client::sd_scripts
