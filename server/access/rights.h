// The table of what each RPC needs. An RPC without a row is refused, and a test
// compares the table with the services.
#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace atelier::server {

enum class Right {
  // Whoever is known.
  kLook,
  // Whoever may see the job: all, or its owner, operators and administrators
  // where privacy = "owner".
  kSeeJob,
  // Users whose token does not only read.
  kSubmit,
  // The job's owner and administrators.
  kChangeJob,
  // The job's owner, operators and administrators.
  kHoldJob,
  // Operators and administrators.
  kOperate,
  kAdminister,
  // Not a user's: workers prove themselves by their attempt's secret, on a
  // socket of their own.
  kWorker,
};

struct RightsRow {
  absl::string_view method;
  Right right;
};

absl::Span<const RightsRow> AllRights();

// Null: no such row.
const RightsRow* FindRights(absl::string_view method);

// Whether the answer depends on whose job it is.
bool NeedsJob(Right right);
// Whether it changes something: then the call goes into the audit log.
bool IsChange(Right right);

}  // namespace atelier::server
