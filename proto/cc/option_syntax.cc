#include "proto/cc/option_syntax.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace atelier {
namespace {

constexpr int kLongestSidePx = 16384;

}  // namespace

std::optional<ImageSize> ParseImageSize(absl::string_view text) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, ',');
  ImageSize size;
  if (sides.size() > 2 || !absl::SimpleAtoi(sides.front(), &size.width) ||
      !absl::SimpleAtoi(sides.back(), &size.height)) {
    return std::nullopt;
  }
  const auto [low, high] = std::minmax(size.width, size.height);
  if (low < 1 || high > kLongestSidePx) return std::nullopt;
  return size;
}

std::optional<WarmupLength> ParseWarmupLength(absl::string_view text) {
  WarmupLength length;
  if (absl::SimpleAtoi(text, &length.steps)) {
    return length.steps >= 0 ? std::optional(length) : std::nullopt;
  }
  length.is_share = true;
  const bool is_percentage = absl::ConsumeSuffix(&text, "%");
  if (!absl::SimpleAtod(text, &length.share)) return std::nullopt;
  if (is_percentage) length.share /= 100;
  // Written so that a value that is no number fails as well.
  if (!(length.share >= 0 && length.share <= 1)) return std::nullopt;
  if (!is_percentage && length.share == 1) return std::nullopt;
  return length;
}

std::optional<OptimizerArg> ParseOptimizerArg(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  const absl::string_view key = absl::StripAsciiWhitespace(parts.first);
  const absl::string_view value = absl::StripAsciiWhitespace(parts.second);
  const bool is_identifier =
      !key.empty() &&
      !absl::ascii_isdigit(static_cast<unsigned char>(key[0])) &&
      std::all_of(key.begin(), key.end(), [](unsigned char c) {
        return absl::ascii_isalnum(c) || c == '_';
      });
  if (!is_identifier || value.empty()) return std::nullopt;
  return OptimizerArg{std::string(key), std::string(value)};
}

}  // namespace atelier
