#include "trainer/worker/exit_code.h"

#include "trainer/job/failure.h"

namespace atelier::trainer {

ExitCode ExitCodeFor(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  const std::string mark = FailureMark(status);
  if (mark == kHostMemory) return kExitHostMemory;
  if (mark == kDeviceMemory) return kExitDeviceMemory;
  if (mark == kOutput) return kExitCannotCreate;
  if (mark == kNonFinite) return kExitLossNotFinite;
  switch (status.code()) {
    case absl::StatusCode::kCancelled:
      return kExitStopped;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return kExitInvalidInput;
    case absl::StatusCode::kResourceExhausted:
      return kExitCannotCreate;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnavailable:
      return kExitIo;
    case absl::StatusCode::kOutOfRange:
      return kExitLossNotFinite;
    default:
      return kExitInternal;
  }
}

std::string ReasonFor(const absl::Status& status) {
  switch (ExitCodeFor(status)) {
    case kExitOk:
    case kExitStopped:
      return "";
    case kExitInvalidInput:
      return "INVALID_INPUT";
    case kExitCannotCreate:
      return status.code() == absl::StatusCode::kResourceExhausted
                 ? "DISK_FULL"
                 : "INVALID_INPUT";
    case kExitDeviceMemory:
      return "OUT_OF_MEMORY_GPU";
    case kExitHostMemory:
      return "OUT_OF_MEMORY_HOST";
    case kExitLossNotFinite:
      return "LOSS_NOT_FINITE";
    default:
      return "EXIT_NONZERO";
  }
}

}  // namespace atelier::trainer
