// The wall where LibTorch's exceptions end.
//
// Called at the doors of the tensor half only (train/run_job.cc, sample hooks);
// beneath them exceptions pass through, and expected failures are statuses.
#pragma once

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace atelier::trainer {

// Runs `body` and returns its status, or what it threw as one:
// RESOURCE_EXHAUSTED when memory of the host or of a device ran out, with the
// number of bytes where it is known; INTERNAL for LibTorch's other errors,
// without their C++ backtrace; UNKNOWN for everything else.
absl::Status CatchTorch(absl::FunctionRef<absl::Status()> body);

// The same for a body that returns absl::StatusOr<T>.
template <typename Body,
          typename T = typename std::invoke_result_t<Body>::value_type>
absl::StatusOr<T> CatchTorchOr(Body&& body) {
  absl::StatusOr<T> result = absl::UnknownError("nothing was run");
  absl::Status caught = CatchTorch([&]() -> absl::Status {
    result = std::forward<Body>(body)();
    return result.status();
  });
  if (!caught.ok()) return caught;
  return result;
}

// The whole text of the exception behind a status of CatchTorch, backtrace
// included, for the log. Empty where there was none.
std::string TorchErrorDetails(const absl::Status& status);

}  // namespace atelier::trainer
