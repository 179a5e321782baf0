// Scalars as JSON lines, one a row:
//
//   {"step": 12, "epoch": 1, "wall_time": 1700000000.25, "loss": 0.0931, …}
//
// Values that are not finite are null.
#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "trainer/scalars/scalar_writer.h"

namespace atelier::trainer {

// Appends to <folder>/scalars.jsonl.
absl::StatusOr<std::unique_ptr<ScalarWriter>> OpenJsonl(
    const std::string& folder);

}  // namespace atelier::trainer
