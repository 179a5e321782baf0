// `atelier-trainer dataset-check`: a look at a dataset with no daemon, no model
// and no training.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

#include "atelier/v1/job_spec.pb.h"

namespace atelier::trainer {

struct DatasetCheckRequest {
  v1::JobSpec spec;  // paths are absolute, defaults filled in
  std::string picture_dir;
  bool is_quick = false;
  std::function<absl::Status(const std::string& phase, int64_t done,
                             int64_t total)>
      progress;
};

// Answers a request with one line of JSON.
using DatasetCheck =
    std::function<absl::StatusOr<std::string>(const DatasetCheckRequest&)>;

// `--architecture NAME [--job FILE] [--out DIR] [--quick] [--option value…]`.
// Standard output gets the answer, or `{"error": {"code", "message",
// "violations"}}`; standard error, where it is a terminal, the progress.
// Returns the exit code.
int DatasetCheckCommand(absl::Span<const std::string> arguments,
                        const DatasetCheck& check);

}  // namespace atelier::trainer
