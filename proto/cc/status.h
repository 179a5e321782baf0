// Where an error was born and which way it went: a trail of places on
// absl::Status.
//
// RETURN_IF_ERROR and ASSIGN_OR_RETURN (status_macros.h) add their own place
// while passing a status on. The trail goes to logs and error details, never
// into the message. Newer Abseil has the same built in
// (Status::AddSourceLocation).
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace atelier {

// A place in the code; the defaults are filled in by the compiler at the
// caller.
struct SourceLocation {
  const char* file;
  int line;

  static constexpr SourceLocation Current(const char* file = __builtin_FILE(),
                                          int line = __builtin_LINE()) {
    return {file, line};
  }
};

// Appends `file:line` to the trail of a failed status, at most eight places; OK
// is left alone.
absl::Status AddLocation(absl::Status status,
                         SourceLocation location = SourceLocation::Current());

// The trail, innermost place first: `demo.cc:11 < demo.cc:18`. Empty for a
// status without one.
std::string LocationTrail(const absl::Status& status);

// The same status with `context: ` before its message; payloads stay.
absl::Status AddContext(const absl::Status& status, absl::string_view context);

}  // namespace atelier
