// Lists of the names and shapes of a checkpoint's tensors, a line each:
//
//   double_blocks.{0-18}.img_mod.lin.bias [18432]
//
// A range of numbers in braces stands for as many lines.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace atelier::testing {

struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
};

// Errors: NOT_FOUND no such file; INVALID_ARGUMENT a line of another form.
absl::StatusOr<std::vector<NamedShape>> ReadShapeList(const std::string& path);

}  // namespace atelier::testing
