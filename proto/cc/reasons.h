// Every reason that google.rpc.ErrorInfo carries, in one list. A client may
// rely on them; what a reason means never changes.
//
// An error that names no reason of its own carries its code's name, such as
// INTERNAL.
#pragma once

#include "absl/strings/string_view.h"

namespace atelier::reasons {

inline constexpr absl::string_view kDomain = "atelier";

// INVALID_ARGUMENT.
inline constexpr absl::string_view kInvalidOptions = "INVALID_OPTIONS";
inline constexpr absl::string_view kInvalidRequest = "INVALID_REQUEST";
inline constexpr absl::string_view kInvalidFilter = "INVALID_FILTER";
inline constexpr absl::string_view kInvalidOrder = "INVALID_ORDER";
inline constexpr absl::string_view kInvalidPageToken = "INVALID_PAGE_TOKEN";
inline constexpr absl::string_view kUnsupportedArchitecture =
    "UNSUPPORTED_ARCHITECTURE";
// NOT_FOUND.
inline constexpr absl::string_view kJobNotFound = "JOB_NOT_FOUND";
inline constexpr absl::string_view kAttemptNotFound = "ATTEMPT_NOT_FOUND";
inline constexpr absl::string_view kArtifactNotFound = "ARTIFACT_NOT_FOUND";
inline constexpr absl::string_view kTokenNotFound = "TOKEN_NOT_FOUND";
inline constexpr absl::string_view kDeviceNotFound = "DEVICE_NOT_FOUND";
// ALREADY_EXISTS.
inline constexpr absl::string_view kRequestIdReused = "REQUEST_ID_REUSED";
// FAILED_PRECONDITION.
inline constexpr absl::string_view kJobEnded = "JOB_ENDED";
inline constexpr absl::string_view kArtifactGone = "ARTIFACT_GONE";
inline constexpr absl::string_view kJobNotWaiting = "JOB_NOT_WAITING";
inline constexpr absl::string_view kJobNotHeld = "JOB_NOT_HELD";
// ABORTED.
inline constexpr absl::string_view kJobChanged = "JOB_CHANGED";
// OUT_OF_RANGE.
inline constexpr absl::string_view kOffsetPastEnd = "OFFSET_PAST_END";
inline constexpr absl::string_view kSequencePastEnd = "SEQUENCE_PAST_END";
// RESOURCE_EXHAUSTED.
inline constexpr absl::string_view kDiskFull = "DISK_FULL";
inline constexpr absl::string_view kTooManyStreams = "TOO_MANY_STREAMS";
inline constexpr absl::string_view kQuotaExceeded = "QUOTA_EXCEEDED";
inline constexpr absl::string_view kTooManyCalls = "TOO_MANY_CALLS";
// UNAVAILABLE.
inline constexpr absl::string_view kShuttingDown = "SHUTTING_DOWN";
// UNAVAILABLE: what the client did not read stays readable; ask again.
inline constexpr absl::string_view kSlowReader = "SLOW_READER";
// UNAUTHENTICATED.
inline constexpr absl::string_view kNotKnown = "NOT_KNOWN";
// PERMISSION_DENIED.
inline constexpr absl::string_view kNotAllowed = "NOT_ALLOWED";
// PERMISSION_DENIED, for workers of an older attempt.
inline constexpr absl::string_view kWorkerFenced = "WORKER_FENCED";

}  // namespace atelier::reasons
