// Scalars as comma-separated values, one a line:
//
//   wall_time,step,epoch,tag,value
//   1700000000.25,12,1,loss,0.0931
//
// Long rather than wide: which tags there are changes over a run.
#pragma once

#include <memory>

#include "absl/status/statusor.h"

#include "trainer/scalars/scalar_writer.h"

namespace atelier::trainer {

// Appends to <folder>/scalars.csv.
absl::StatusOr<std::unique_ptr<ScalarWriter>> OpenCsv(
    const std::string& folder);

}  // namespace atelier::trainer
