// The settings of `accelerate launch` (huggingface/accelerate): which there
// are, and what each comes to where a single process trains.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

#include "client/sd_scripts/disposition.h"
#include "client/sd_scripts/surroundings.h"

namespace atelier::client::sd_scripts {

struct AccelerateSettings {
  std::vector<Disposition> dispositions;
  bool uses_cpu = false;
  bool is_module = false;  // what is started is a module, not a file
};

// Takes the settings from the front of `words`, up to the first word that is
// none. `-` and `_` in names are the same.
// Errors: INVALID_ARGUMENT for a setting that is not known or lacks its value.
absl::Status TakeAccelerateSettings(absl::Span<const std::string>* words,
                                    const Surroundings& surroundings,
                                    AccelerateSettings* settings);

}  // namespace atelier::client::sd_scripts
