// Loads T5's encoder.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/architectures/components/find_component.h"
#include "trainer/tensor/torch.h"
#include "trainer/text/t5_encoder.h"

namespace atelier::trainer {

struct LoadedT5 {
  T5Encoder encoder{nullptr};
  FoundComponent found;
  // Names in the source that were read, prefix included.
  std::vector<std::string> loaded;
  // The type on disk by the parameter's name.
  std::map<std::string, torch::ScalarType> dtypes;
  // `encoder.embed_tokens.weight` where the source has it, which repeats
  // `shared.weight`: ExportFiles of a trained encoder writes it again.
  bool has_embed_tokens = false;
};

// With `prefixes` for whole models; files of its own have none.
ComponentPlace T5Place(std::vector<std::string> prefixes);

// Any floating-point type on disk is read, fp8 included. The embedding is read
// from `shared.weight`, or from `encoder.embed_tokens.weight` where that is all
// there is.
//
// Errors: as FindComponent; INVALID_ARGUMENT with every name that is missing,
// unexpected or misshapen; DATA_LOSS for weights that are not finite.
absl::StatusOr<LoadedT5> LoadT5(const ModelSources& sources,
                                const ComponentPlace& place);

}  // namespace atelier::trainer
