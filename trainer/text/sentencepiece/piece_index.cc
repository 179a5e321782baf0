#include "trainer/text/sentencepiece/piece_index.h"

#include <algorithm>

namespace atelier::trainer {
namespace {

// The byte at `place`, below every byte where the text ends before.
int ByteAt(std::string_view text, size_t place) {
  return place < text.size() ? static_cast<unsigned char>(text[place]) : -1;
}

}  // namespace

void PieceIndex::Sort() {
  std::sort(entries_.begin(), entries_.end(),
            [](const Entry& a, const Entry& b) { return a.text < b.text; });
}

PieceIndex::Range PieceIndex::Narrow(Range range, size_t place, char byte) {
  const int wanted = static_cast<unsigned char>(byte);
  const Entry* begin = std::lower_bound(
      range.begin, range.end, wanted, [place](const Entry& entry, int value) {
        return ByteAt(entry.text, place) < value;
      });
  const Entry* end = std::upper_bound(
      begin, range.end, wanted, [place](int value, const Entry& entry) {
        return value < ByteAt(entry.text, place);
      });
  return {begin, end};
}

size_t PieceIndex::LongestPrefix(std::string_view text) const {
  size_t longest = 0;
  ForEachPrefix(text, [&](size_t length, int64_t) { longest = length; });
  return longest;
}

int64_t PieceIndex::Find(std::string_view text) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), text,
                       [](const Entry& entry, std::string_view value) {
                         return entry.text < value;
                       });
  return found != entries_.end() && found->text == text ? found->id : -1;
}

}  // namespace atelier::trainer
