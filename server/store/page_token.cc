// Within base64url: 16 characters of the query's hash, the id in digits, `:`,
// the value.
#include "server/store/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/error_details.h"
#include "proto/cc/reasons.h"
#include "proto/cc/utf8.h"
#include "server/jobs/attempt_token.h"

namespace atelier::server {
namespace {

constexpr size_t kHashCharacters = 16;
constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 1000;
// Longer than any name.
constexpr size_t kMaxTokenCharacters = 4096;

std::string QueryHash(absl::string_view query) {
  return Sha256Hex(query).substr(0, kHashCharacters);
}

absl::Status TokenError(absl::string_view message) {
  const Violation violation{"page_token", absl::StrCat("page_token ", message)};
  return MakeBadRequest(reasons::kInvalidPageToken, {violation});
}

}  // namespace

std::string MakePageToken(absl::string_view query, const PageKey& last) {
  return absl::WebSafeBase64Escape(
      absl::StrCat(QueryHash(query), last.id, ":", last.value));
}

absl::StatusOr<PageKey> ParsePageToken(absl::string_view query,
                                       absl::string_view token) {
  std::string text;
  if (token.size() > kMaxTokenCharacters ||
      !absl::WebSafeBase64Unescape(token, &text) ||
      text.size() < kHashCharacters || !IsUtf8(text)) {
    return TokenError("is not one that this server gave");
  }
  if (text.substr(0, kHashCharacters) != QueryHash(query)) {
    return TokenError(
        "belongs to another query; keep filter and order_by, or start again "
        "without a token");
  }
  const size_t colon = text.find(':');
  PageKey key;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(text.substr(kHashCharacters, colon - kHashCharacters),
                        &key.id)) {
    return TokenError("is not one that this server gave");
  }
  key.value = text.substr(colon + 1);
  return key;
}

absl::StatusOr<int> PageSize(int requested) {
  if (requested == 0) return kDefaultPage;
  if (requested > 0) return std::min(requested, kMaxPage);
  const Violation violation{
      "page_size",
      absl::StrCat("page_size is ", requested, "; it must not be negative")};
  return MakeBadRequest(reasons::kInvalidRequest, {violation});
}

}  // namespace atelier::server
