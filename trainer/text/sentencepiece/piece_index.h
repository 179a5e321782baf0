// Finds the pieces that a text begins with.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "trainer/text/sentencepiece/model_file.h"

namespace atelier::trainer {

// A sorted list; each further byte of the text narrows the range of candidates.
class PieceIndex {
 public:
  // Views of the pieces' texts: `pieces` must outlive this and stay in place.
  template <typename Predicate>
  PieceIndex(const std::vector<Piece>& pieces, Predicate is_in) {
    for (size_t id = 0; id < pieces.size(); ++id) {
      if (is_in(pieces[id])) {
        entries_.push_back({pieces[id].text, static_cast<int64_t>(id)});
      }
    }
    Sort();
  }

  // Calls found(length, id) for every piece that `text` begins with, shortest
  // first.
  template <typename Found>
  void ForEachPrefix(std::string_view text, Found found) const {
    Range range{entries_.data(), entries_.data() + entries_.size()};
    for (size_t length = 1; length <= text.size(); ++length) {
      range = Narrow(range, length - 1, text[length - 1]);
      if (range.begin == range.end) return;
      if (range.begin->text.size() == length) found(length, range.begin->id);
    }
  }
  // Bytes of the longest piece that `text` begins with; 0: none.
  size_t LongestPrefix(std::string_view text) const;
  // The piece's id, or -1.
  int64_t Find(std::string_view text) const;

 private:
  struct Entry {
    std::string_view text;
    int64_t id;
  };
  struct Range {
    const Entry* begin;
    const Entry* end;
  };
  void Sort();
  static Range Narrow(Range range, size_t place, char byte);

  std::vector<Entry> entries_;
};

}  // namespace atelier::trainer
