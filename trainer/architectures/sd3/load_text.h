// Loads the text encoders of a model and their tokenizers.
#pragma once

#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/architectures/sd3/conditioner.h"
#include "trainer/architectures/sd3/config.h"

namespace atelier::trainer::sd3 {

struct LoadedText {
  TextEncoderSet encoders;
  Tokenizers tokenizers;
  // The type on disk, by the name that the main file has or would have.
  std::map<std::string, torch::ScalarType> dtypes;
  std::set<std::string> held;  // names of the main file that are in `encoders`
  std::string warning;         // that T5 is left out; or empty
};

// `transformer` says how wide they must be.
//
// Errors: as Load.
absl::StatusOr<LoadedText> LoadTextEncoders(const ModelSources& sources,
                                            const ModelOptions& options,
                                            const MmditConfig& transformer);

}  // namespace atelier::trainer::sd3
