// Text as the pieces of a SentencePiece model are cut from it: characters
// replaced by the model's table, spaces thinned out and written as U+2581.
//
// Source: Kudo and Richardson, "SentencePiece", arXiv 1808.06226, section 3.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "trainer/text/sentencepiece/model_file.h"
#include "trainer/text/sentencepiece/piece_index.h"

namespace atelier::trainer {

// Bytes of the UTF-8 character that `text` begins with, judged by its first
// byte alone; at least 1, at most what there is.
size_t CharacterBytes(std::string_view text);

// The model's table of replacements: a double-array trie whose values point
// into a list of texts, each ended by a zero byte.
//
// Source: Aoe, "An Efficient Digital Search Algorithm by Using a Double-Array
// Structure", 1989; units as darts-clone packs them.
class CharsMap {
 public:
  // Nothing is replaced.
  CharsMap() = default;
  // Errors: INVALID_ARGUMENT for a table that is cut off.
  static absl::StatusOr<CharsMap> Parse(std::string_view blob);

  struct Match {
    size_t length = 0;  // bytes of the text that are replaced; 0: none
    std::string_view replacement;
  };
  // The longest match at the begin of `text`.
  Match Longest(std::string_view text) const;

 private:
  std::vector<uint32_t> units_;
  std::string texts_;
};

class SentencePieceNormalizer {
 public:
  // `file` must outlive this.
  // Errors: INVALID_ARGUMENT for a table that is damaged.
  static absl::StatusOr<SentencePieceNormalizer> Make(
      const SentencePieceFile& file);

  std::string Normalize(std::string_view text) const;

 private:
  SentencePieceNormalizer(const SentencePieceFile& file, CharsMap map);
  // What stands for the begin of `text`, and how many bytes that is.
  CharsMap::Match Prefix(std::string_view text) const;
  void Append(std::string_view part, std::string& normalized) const;

  const SentencePieceFile* file_;
  CharsMap map_;
  PieceIndex user_defined_;
  std::string_view space_;
};

}  // namespace atelier::trainer
