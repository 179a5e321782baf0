// The type that each tensor of a module had on disk.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"

#include "trainer/checkpoint/checkpoint_source.h"
#include "trainer/checkpoint/state_loader.h"

namespace atelier::trainer {

// What a tensor is saved in that had this type on disk: fp8 becomes bf16, as it
// is a form of storage, and training changes digits that it lacks.
torch::ScalarType KeptType(torch::ScalarType stored);

// By the module's names, for what LoadState read with these options. What is
// put together from several tensors has the first one's type. Types are kept
// ones.
//
// Errors: as KeyMap::MakePlan.
absl::StatusOr<std::map<std::string, torch::ScalarType>> StoredTypes(
    const CheckpointSource& source, const StateLoadOptions& options,
    const StateLoadResult& state);

}  // namespace atelier::trainer
