// The training scripts of sd-scripts that a job can take the place of, and what
// is said of those that none can.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "atelier/v1/architecture.pb.h"

namespace atelier::client::sd_scripts {

struct Script {
  const char* file;   // sdxl_train.py
  const char* label;  // short, for the table of options
  char letter;        // stands for the script in option_row.h
  // train_db.py and fine_tune.py with --v2 train sd2.
  v1::Architecture architecture;
};

absl::Span<const Script> AllScripts();

// By the file's name; folders before it do not count, with / or \ between.
// Errors: INVALID_ARGUMENT, which says for a script of another purpose what to
// do instead, and for an unknown one which are known.
absl::StatusOr<const Script*> FindScript(absl::string_view path);

// Whether the name is that of a script of sd-scripts, trainable here or not.
bool IsKnownScript(absl::string_view path);

// What follows the last / or \.
absl::string_view BaseName(absl::string_view path);

}  // namespace atelier::client::sd_scripts
