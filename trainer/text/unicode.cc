#include "trainer/text/unicode.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "trainer/text/unicode_tables.h"

namespace atelier::trainer {
namespace {

// The row of an ordered table whose range holds `c`, or null.
template <typename Row>
const Row* FindRange(const Row* table, size_t size, char32_t c) {
  const Row* row = std::upper_bound(
      table, table + size, c,
      [](char32_t value, const Row& r) { return value < r.first; });
  if (row == table || c > (row - 1)->last) return nullptr;
  return row - 1;
}

int CombiningClass(char32_t c) {
  const ClassRange* row =
      FindRange(kCombiningClasses, kCombiningClassesSize, c);
  return row == nullptr ? 0 : row->combining_class;
}

// Hangul syllables are composed by arithmetic: standard, section 3.12.
constexpr char32_t kSyllables = 0xAC00, kLead = 0x1100, kVowel = 0x1161,
                   kTrail = 0x11A7;
constexpr char32_t kLeads = 19, kVowels = 21, kTrails = 28;

void AppendDecomposed(char32_t c, std::u32string& out) {
  if (c >= kSyllables && c < kSyllables + kLeads * kVowels * kTrails) {
    const char32_t index = c - kSyllables;
    out += kLead + index / (kVowels * kTrails);
    out += kVowel + index % (kVowels * kTrails) / kTrails;
    if (index % kTrails != 0) out += kTrail + index % kTrails;
    return;
  }
  const Decomposition* end = kDecompositions + kDecompositionsSize;
  const Decomposition* row = std::lower_bound(
      kDecompositions, end, c, [](const Decomposition& r, char32_t value) {
        return r.composed < value;
      });
  if (row == end || row->composed != c) {
    out += c;
    return;
  }
  AppendDecomposed(row->first, out);
  if (row->second != 0) AppendDecomposed(row->second, out);
}

char32_t Compose(char32_t first, char32_t second) {
  if (first >= kLead && first < kLead + kLeads && second >= kVowel &&
      second < kVowel + kVowels) {
    return kSyllables +
           ((first - kLead) * kVowels + (second - kVowel)) * kTrails;
  }
  const bool is_open_syllable =
      first >= kSyllables && first < kSyllables + kLeads * kVowels * kTrails &&
      (first - kSyllables) % kTrails == 0;
  if (is_open_syllable && second > kTrail && second < kTrail + kTrails) {
    return first + (second - kTrail);
  }
  static const auto* const kPairs = [] {
    auto* pairs = new std::map<std::pair<char32_t, char32_t>, char32_t>();
    for (size_t i = 0; i < kDecompositionsSize; ++i) {
      const Decomposition& row = kDecompositions[i];
      if (row.may_compose) (*pairs)[{row.first, row.second}] = row.composed;
    }
    return pairs;
  }();
  const auto found = kPairs->find({first, second});
  return found == kPairs->end() ? 0 : found->second;
}

// Marks between two starters stand in the order of their classes.
void OrderMarks(std::u32string& text) {
  auto start = text.begin();
  while (start != text.end()) {
    if (CombiningClass(*start) == 0) {
      ++start;
      continue;
    }
    const auto end = std::find_if(
        start, text.end(), [](char32_t c) { return CombiningClass(c) == 0; });
    std::stable_sort(start, end, [](char32_t a, char32_t b) {
      return CombiningClass(a) < CombiningClass(b);
    });
    start = end;
  }
}

size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

// One character at the start of `text`, and how many bytes it takes.
std::pair<char32_t, size_t> DecodeOne(std::string_view text) {
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = SequenceLength(lead);
  if (length == 1) return {lead, 1};
  if (length == 0 || length > text.size()) return {0xFFFD, 1};
  char32_t c = lead & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return {0xFFFD, 1};
    c = c << 6 | (next & 0x3F);
  }
  const bool is_surrogate = c >= 0xD800 && c < 0xE000;
  if (c < kSmallest[length] || is_surrogate || c > 0x10FFFF) {
    return {0xFFFD, 1};
  }
  return {c, length};
}

}  // namespace

std::u32string DecodeUtf8(std::string_view text) {
  std::u32string out;
  while (!text.empty()) {
    const auto [c, length] = DecodeOne(text);
    out += c;
    text.remove_prefix(length);
  }
  return out;
}

std::string EncodeUtf8(std::u32string_view text) {
  std::string out;
  const auto add = [&out](char32_t byte) { out += static_cast<char>(byte); };
  for (const char32_t c : text) {
    if (c < 0x80) {
      add(c);
      continue;
    }
    if (c < 0x800) {
      add(0xC0 | c >> 6);
    } else if (c < 0x10000) {
      add(0xE0 | c >> 12);
      add(0x80 | (c >> 6 & 0x3F));
    } else {
      add(0xF0 | c >> 18);
      add(0x80 | (c >> 12 & 0x3F));
      add(0x80 | (c >> 6 & 0x3F));
    }
    add(0x80 | (c & 0x3F));
  }
  return out;
}

bool IsLetter(char32_t c) {
  return FindRange(kLetters, kLettersSize, c) != nullptr;
}

bool IsNumber(char32_t c) {
  return FindRange(kNumbers, kNumbersSize, c) != nullptr;
}

bool IsWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == ' ' || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::u32string ToLower(std::u32string_view text) {
  std::u32string out;
  for (const char32_t c : text) {
    if (c == 0x130) {  // the only one that becomes two characters
      out += U"i\u0307";
      continue;
    }
    const LowerRange* row = FindRange(kLowers, kLowersSize, c);
    const bool has_lower = row != nullptr && (c - row->first) % row->step == 0;
    out += has_lower ? c + static_cast<char32_t>(row->delta) : c;
  }
  return out;
}

std::u32string ToNfc(std::u32string_view text) {
  std::u32string decomposed;
  for (const char32_t c : text) AppendDecomposed(c, decomposed);
  OrderMarks(decomposed);
  std::u32string out;
  size_t starter = std::u32string::npos;
  int last_class = 0;
  for (const char32_t c : decomposed) {
    const int combining_class = CombiningClass(c);
    // A mark of the same or a higher class in between blocks the pair.
    const bool is_next =
        starter != std::u32string::npos && starter + 1 == out.size();
    const bool may_join = starter != std::u32string::npos &&
                          (is_next || last_class < combining_class);
    const char32_t joined = may_join ? Compose(out[starter], c) : 0;
    if (joined != 0) {
      out[starter] = joined;
      continue;
    }
    if (combining_class == 0) starter = out.size();
    last_class = combining_class;
    out += c;
  }
  return out;
}

}  // namespace atelier::trainer
