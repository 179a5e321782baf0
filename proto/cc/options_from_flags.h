// Training options from command-line flags.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

#include "atelier/v1/training_config.pb.h"
#include "proto/cc/error_details.h"

namespace atelier {

// Reads `--name value`, `--name=value`, `--flag`, `--flag=false` and, for
// lists,
// `--name value value …` up to the next `--`. `-` and `_` in names are the
// same. Relative paths become absolute below `base_dir`. Of a name given twice
// the last one counts; a list collects.
//
// Returns every problem at once; what is right is in `config` all the same.
std::vector<Violation> OptionsFromFlags(absl::Span<const std::string> tokens,
                                        const std::string& base_dir,
                                        v1::TrainingConfig* config);

}  // namespace atelier
