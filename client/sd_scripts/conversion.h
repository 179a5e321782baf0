// A training command of sd-scripts as a job.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

#include "atelier/v1/job_spec.pb.h"
#include "client/sd_scripts/disposition.h"
#include "client/sd_scripts/script.h"
#include "client/sd_scripts/surroundings.h"
#include "proto/cc/error_details.h"

namespace atelier::client::sd_scripts {

struct Conversion {
  const Script* script = nullptr;
  // Of architecture and options; paths are absolute.
  v1::JobSpec spec;
  // One for everything that the command gives, in its order, and one for each
  // default of sd-scripts that had to be set.
  std::vector<Disposition> dispositions;
};

// A command of one argument a word, as a shell hands it on.
// Errors: INVALID_ARGUMENT with every problem of the options as a violation.
// What is refused is no error here: Refusals has it.
absl::StatusOr<Conversion> ConvertWords(absl::Span<const std::string> words,
                                        const Surroundings& surroundings);

// A command as it stands in a script; of several commands the one that trains.
absl::StatusOr<Conversion> ConvertText(absl::string_view text,
                                       const Surroundings& surroundings);

// Why the conversion is no job; empty where it is one.
std::vector<Violation> Refusals(const Conversion& conversion);

// The job file, with what there is to be said of it as comments.
std::string JobText(const Conversion& conversion);

}  // namespace atelier::client::sd_scripts
