// What kind of thing gave out, as a mark on a failed status, where its code
// alone does not say.
//
// Errors: a mark travels with the status as a payload; contexts and locations
// leave it in place.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace atelier::trainer {

inline constexpr absl::string_view kFailureUrl = "atelier.dev/failure";

// The marks in use.
inline constexpr absl::string_view kHostMemory = "host_memory";
inline constexpr absl::string_view kDeviceMemory = "device_memory";
inline constexpr absl::string_view kOutput = "output";  // cannot be written
inline constexpr absl::string_view kNonFinite = "non_finite";

inline absl::Status MarkFailure(absl::Status status, absl::string_view mark) {
  if (!status.ok()) status.SetPayload(kFailureUrl, absl::Cord(mark));
  return status;
}

// Empty for an unmarked status.
inline std::string FailureMark(const absl::Status& status) {
  const absl::optional<absl::Cord> mark = status.GetPayload(kFailureUrl);
  return mark.has_value() ? std::string(*mark) : std::string();
}

}  // namespace atelier::trainer
