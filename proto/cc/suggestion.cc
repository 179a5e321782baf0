#include "proto/cc/suggestion.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace atelier {
namespace {

constexpr size_t kLongestWord = 64;

std::string Plain(absl::string_view word) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(word), {{"-", "_"}});
}

// Optimal string alignment distance, three rows at a time.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1),
      row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
      const bool swapped =
          i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, above);
    std::swap(above, row);
  }
  return above[b.size()];
}

}  // namespace

std::string ClosestName(absl::string_view word,
                        absl::Span<const std::string> candidates) {
  if (word.empty() || word.size() > kLongestWord) return "";
  const std::string plain = Plain(word);
  size_t best_distance = std::max<size_t>(1, plain.size() / 3) + 1;
  std::string best;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(plain, Plain(candidate));
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = candidate;
  }
  if (!best.empty() || plain.size() < 3) return best;
  const auto longer = std::find_if(
      candidates.begin(), candidates.end(), [&](const std::string& candidate) {
        return absl::StartsWith(Plain(candidate), plain);
      });
  return longer == candidates.end() ? "" : *longer;
}

std::string DidYouMean(absl::string_view word,
                       absl::Span<const std::string> candidates) {
  const std::string name = ClosestName(word, candidates);
  return name.empty() ? "" : absl::StrCat("; did you mean ", name, "?");
}

}  // namespace atelier
