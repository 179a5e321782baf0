// One form of a run's scalars on disk.
//
// Rows come in the order of their steps. A run that goes on from an earlier
// step rewinds first, so that no step stands there twice.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace atelier::trainer {

struct ScalarRow {
  int64_t step = 0;         // optimizer steps done
  int64_t epoch = 0;        // from 1
  double wall_seconds = 0;  // since 1970
  // Values of a whole epoch, which TensorBoard shows over epochs.
  bool is_epoch = false;
  std::vector<std::pair<std::string, double>> values;  // tag, value
};

class ScalarWriter {
 public:
  virtual ~ScalarWriter() = default;

  // The row is with the system when this returns: it survives the death of the
  // process. Errors: as the system has them, naming the file.
  virtual absl::Status Write(const ScalarRow& row) = 0;

  // Rows after `step` no longer count; the next rows begin behind it.
  virtual absl::Status Rewind(int64_t step) = 0;
};

}  // namespace atelier::trainer
