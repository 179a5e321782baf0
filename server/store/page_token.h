// Where a list goes on: the key of the last row of a page, opaque to clients,
// bound to the query that it came from.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace atelier::server {

struct PageKey {
  int64_t id = 0;
  // Value of the column that orders, where it is not the id; numbers in digits.
  std::string value;
};

// `query` is everything that must be the same for the next page.
std::string MakePageToken(absl::string_view query, const PageKey& last);

// Errors: INVALID_ARGUMENT, INVALID_PAGE_TOKEN: not a token, or one of another
// query.
absl::StatusOr<PageKey> ParsePageToken(absl::string_view query,
                                       absl::string_view token);

// 0 is 50, more than 1,000 is 1,000.
// Errors: INVALID_ARGUMENT, INVALID_REQUEST where it is negative.
absl::StatusOr<int> PageSize(int requested);

}  // namespace atelier::server
