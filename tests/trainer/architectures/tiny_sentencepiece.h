// A SentencePiece vocabulary of single ASCII characters.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace atelier::trainer::testing {

// Writes a unigram model: first the control pieces, in order, among which
// `<unk>` must be, then the space mark and the characters from `!` to `~`.
// Returns how many pieces there are.
int64_t WriteTinySentencePiece(const std::string& path,
                               const std::vector<std::string>& controls);

}  // namespace atelier::trainer::testing
