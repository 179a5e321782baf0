// The folder of a run's scalars: <logging_dir>/<prefix><YYYYmmddHHMMSS>, and
// how later attempts of the same job find it again:
//
//   <output_dir>/.atelier/scalars.json  {"folder": "…"}
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace atelier::trainer {

// Makes a folder that is not there yet (`-2` and so on behind the name where
// several runs start in one second) and remembers it for `output_dir`.
//
// Errors: as the system has them, naming the folder.
absl::StatusOr<std::string> MakeRunFolder(const std::string& logging_dir,
                                          const std::string& prefix,
                                          const std::string& output_dir,
                                          absl::Time now);

// The folder that an earlier attempt made in `logging_dir`; none where there is
// none, or no longer.
std::optional<std::string> FindRunFolder(const std::string& logging_dir,
                                         const std::string& output_dir);

}  // namespace atelier::trainer
