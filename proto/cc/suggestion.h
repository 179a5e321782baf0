// "did you mean": the known name that is nearest to what was typed.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace atelier {

// The nearest candidate by edit distance (swapped neighbours count once, letter
// case and `-` against `_` not at all), or else one that `word` begins; empty
// where none is near.
std::string ClosestName(absl::string_view word,
                        absl::Span<const std::string> candidates);

// `; did you mean NAME?`, or nothing.
std::string DidYouMean(absl::string_view word,
                       absl::Span<const std::string> candidates);

}  // namespace atelier
