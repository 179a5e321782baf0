#include "client/exit_code.h"

namespace atelier::client {
namespace {

ExitCode FailureCode(v1::JobReason reason) {
  switch (reason) {
    case v1::JOB_REASON_TIME_LIMIT:
      return kExitJobTimeLimit;
    case v1::JOB_REASON_START_FAILED:
    case v1::JOB_REASON_WORKER_LOST:
    case v1::JOB_REASON_LEASE_EXPIRED:
    case v1::JOB_REASON_BACKEND_LOST:
      return kExitJobLost;
    default:
      return kExitJobFailed;
  }
}

}  // namespace

ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return kExitDenied;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return kExitUnreachable;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kAlreadyExists:
      return kExitConflict;
    case absl::StatusCode::kResourceExhausted:
      return kExitExhausted;
    default:
      return kExitFailed;
  }
}

ExitCode ExitCodeOf(const v1::Job& job) {
  switch (job.state()) {
    case v1::JOB_STATE_SUCCEEDED:
      return kExitOk;
    case v1::JOB_STATE_FAILED:
      return FailureCode(job.reason());
    case v1::JOB_STATE_CANCELLED:
      return job.reason() == v1::JOB_REASON_TIME_LIMIT ? kExitJobTimeLimit
                                                       : kExitJobCancelled;
    default:
      return kExitFailed;
  }
}

}  // namespace atelier::client
