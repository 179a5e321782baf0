// Finds a part of a model: in the file that the job gives for it, or inside the
// main checkpoint.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/architecture.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {

// How a part is known.
struct ComponentPlace {
  std::string what;  // `the T5 text encoder`
  // Whose file replaces what the main checkpoint has; empty: there is none.
  std::string option;
  // What may stand before its names in a checkpoint of the whole model, best
  // first. A file of its own may have these or no prefix.
  std::vector<std::string> prefixes;
  // Names without the prefix; the part is where one of them is.
  std::vector<std::string> signs;
};

struct FoundComponent {
  const CheckpointSource* source = nullptr;
  std::string prefix;
};

// Errors: NOT_FOUND when the option is not given and the main checkpoint lacks
// the part; INVALID_ARGUMENT when the option's file holds something else,
// saying what it seems to be.
absl::StatusOr<FoundComponent> FindComponent(const ModelSources& sources,
                                             const ComponentPlace& place);

}  // namespace atelier::trainer
