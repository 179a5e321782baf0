// The front of a training command: what starts the script, and with what
// settings of its own.
//
//   CUDA_VISIBLE_DEVICES=0 accelerate launch --num_processes 1 sdxl_train.py …
//   python3 -m accelerate.commands.launch … | python -u … | sdxl_train.py …
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "client/sd_scripts/disposition.h"
#include "client/sd_scripts/surroundings.h"

namespace atelier::client::sd_scripts {

struct Launch {
  std::string script;  // as typed, with its folders
  std::vector<std::string> arguments;
  // Of the launcher's settings and the command's environment.
  std::vector<Disposition> dispositions;
  bool uses_cpu = false;
};

// Errors: INVALID_ARGUMENT where no script is started, or where the launcher's
// settings cannot be read; settings that would change the result are
// dispositions of kRefused.
absl::StatusOr<Launch> ReadLaunch(absl::Span<const std::string> words,
                                  const Surroundings& surroundings);

}  // namespace atelier::client::sd_scripts
