// The names that torch.save gives to storages of each type.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#include "trainer/tensor/torch.h"

namespace atelier::trainer {

// Of `FloatStorage` and the like; none for others.
std::optional<torch::ScalarType> StorageType(absl::string_view name);
// Errors: INVALID_ARGUMENT for a type without such a name.
absl::StatusOr<absl::string_view> StorageTypeName(torch::ScalarType type);

}  // namespace atelier::trainer
