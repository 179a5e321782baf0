// The filter and order of ListJobs, turned into SQL. Nothing that a user wrote
// ever becomes part of the SQL text: fields and operators come from a table,
// values are bound.
//
//   filter = "" | term { "AND" term }
//   term   = FIELD OP value
//   FIELD  = id | name | state | architecture | owner | create_time
//          | label.KEY
//   OP     = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
//   value  = word | '"' { character | '\"' | '\\' } '"'
//
// A word has no blanks, quotes or operators. state and architecture are
// compared for equality only; `:` (contains, letter case aside) is for names;
// create_time is RFC 3339. A label that a job does not have equals nothing.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::server {

using SqlValue = std::variant<int64_t, std::string>;

struct SqlCondition {
  // Without WHERE; empty: all.
  std::string sql;
  // For its `?`, in order.
  std::vector<SqlValue> values;
};

// At most 2,000 characters and 20 terms.
// Errors: INVALID_ARGUMENT, INVALID_FILTER, with the place in the text.
absl::StatusOr<SqlCondition> ParseFilter(absl::string_view filter);

struct SqlOrder {
  // Column of `jobs`; ties go by id.
  std::string column;
  bool is_text = false;
  bool descending = false;
};

// Errors: INVALID_ARGUMENT, INVALID_ORDER.
absl::StatusOr<SqlOrder> ParseOrder(absl::string_view order_by);

}  // namespace atelier::server
