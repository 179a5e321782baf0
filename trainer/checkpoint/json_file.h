// Small JSON files beside weights.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace atelier::trainer {

// Errors: as MappedFile::Open; INVALID_ARGUMENT for a file of more than 16 MiB
// and for one that is no JSON object, naming it.
absl::StatusOr<nlohmann::json> ReadJsonObject(const std::string& path);

}  // namespace atelier::trainer
