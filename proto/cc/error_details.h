// google.rpc error details on absl::Status, without gRPC: the reason, the
// values that the message mentions, and the fields at fault. wire_status.h
// carries them over the wire.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace atelier {

// One field at fault. `field` is its path from the message that is checked
// (`training.optimizer.learning_rate`), `message` a whole sentence that names
// the option, its value, what is allowed and the remedy.
struct Violation {
  std::string field;
  std::string message;

  bool operator==(const Violation&) const = default;
};

using ErrorMetadata = std::map<std::string, std::string>;

// A status with ErrorInfo{reason, domain `atelier`, metadata}; reasons are in
// reasons.h.
absl::Status MakeError(absl::StatusCode code, absl::string_view reason,
                       absl::string_view message,
                       const ErrorMetadata& metadata = {});

// INVALID_ARGUMENT with BadRequest and ErrorInfo; OK where nothing is at fault.
// The message is the violation's own, or all of them, counted.
absl::Status MakeBadRequest(absl::Span<const Violation> violations);
absl::Status MakeBadRequest(absl::string_view reason,
                            absl::Span<const Violation> violations);

// Somebody used up a limit.
struct QuotaViolation {
  absl::string_view reason;
  // Whose limit it is, as in `user:ana`.
  std::string subject;
  // What is limited, what the limit is and what to do.
  std::string message;
  // Zero: waiting does not help.
  absl::Duration retry_after;
};

// RESOURCE_EXHAUSTED with ErrorInfo, QuotaFailure and, where waiting helps,
// RetryInfo.
absl::Status MakeQuotaError(const QuotaViolation& violation);

// The time of a RetryInfo; zero where there is none.
absl::Duration RetryDelay(const absl::Status& status);

// What such a status carries; empty where it carries nothing of the kind.
std::string ErrorReason(const absl::Status& status);
ErrorMetadata MetadataOf(const absl::Status& status);
std::vector<Violation> ViolationsOf(const absl::Status& status);

}  // namespace atelier
