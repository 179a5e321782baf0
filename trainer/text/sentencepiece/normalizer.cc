#include "trainer/text/sentencepiece/normalizer.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"

namespace atelier::trainer {
namespace {

constexpr std::string_view kLowerOneEighthBlock = "\xE2\x96\x81";  // U+2581
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";          // U+FFFD

uint32_t LittleEndian32(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[i]))
             << (8 * i);
  }
  return value;
}

// A unit of the trie.
bool HasLeaf(uint32_t unit) { return ((unit >> 8) & 1) != 0; }
uint32_t Value(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t Label(uint32_t unit) { return unit & 0x800000FF; }
uint32_t Offset(uint32_t unit) {
  return (unit >> 10) << ((unit & (1u << 9)) >> 6);
}

bool IsTrail(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// Whether `text` begins with a character that UTF-8 allows.
bool BeginsWithCharacter(std::string_view text) {
  const size_t size = CharacterBytes(text);
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (size == 1) return at(0) < 0x80;
  uint32_t code = at(0) & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    if (!IsTrail(at(i))) return false;
    code = code << 6 | (at(i) & 0x3F);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  // The first byte may promise more than there is.
  const uint32_t promised = at(0) >= 0xF0 ? 4 : at(0) >= 0xE0 ? 3 : 2;
  return size == promised && at(0) < 0xF8 && code >= kSmallest[size] &&
         !is_surrogate && code <= 0x10FFFF;
}

void RemoveLeadingSpaces(std::string_view& part) {
  while (part.starts_with(' ')) part.remove_prefix(1);
}

}  // namespace

size_t CharacterBytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  size_t size = 1;
  if (first >= 0xF0) {
    size = 4;
  } else if (first >= 0xE0) {
    size = 3;
  } else if (first >= 0xC0) {
    size = 2;
  }
  return std::min(size, text.size());
}

absl::StatusOr<CharsMap> CharsMap::Parse(std::string_view blob) {
  CharsMap map;
  if (blob.empty()) return map;
  const uint32_t trie_bytes = blob.size() < 4 ? 0 : LittleEndian32(blob);
  if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes > blob.size() - 4 ||
      blob.back() != '\0') {
    return absl::InvalidArgumentError(
        "its table of characters is cut off or damaged");
  }
  for (size_t i = 4; i < 4 + size_t{trie_bytes}; i += 4) {
    map.units_.push_back(LittleEndian32(blob.substr(i, 4)));
  }
  map.texts_ = blob.substr(4 + size_t{trie_bytes});
  return map;
}

// Places outside of the table end the search: a damaged one can lead there.
CharsMap::Match CharsMap::Longest(std::string_view text) const {
  Match match;
  if (units_.empty()) return match;
  size_t place = Offset(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    place ^= byte;
    if (place >= units_.size() || Label(units_[place]) != byte) return match;
    const uint32_t unit = units_[place];
    place ^= Offset(unit);
    if (!HasLeaf(unit)) continue;
    if (place >= units_.size()) return match;
    const size_t begin = Value(units_[place]);
    if (begin >= texts_.size()) return match;
    match = {i + 1, texts_.c_str() + begin};
  }
  return match;
}

absl::StatusOr<SentencePieceNormalizer> SentencePieceNormalizer::Make(
    const SentencePieceFile& file) {
  ASSIGN_OR_RETURN(CharsMap map, CharsMap::Parse(file.charsmap));
  return SentencePieceNormalizer(file, std::move(map));
}

SentencePieceNormalizer::SentencePieceNormalizer(const SentencePieceFile& file,
                                                 CharsMap map)
    : file_(&file),
      map_(std::move(map)),
      user_defined_(file.pieces,
                    [](const Piece& piece) {
                      return piece.type == PieceType::kUserDefined;
                    }),
      space_(file.escape_whitespaces ? kLowerOneEighthBlock : " ") {}

CharsMap::Match SentencePieceNormalizer::Prefix(std::string_view text) const {
  if (const size_t length = user_defined_.LongestPrefix(text); length > 0) {
    return {length, text.substr(0, length)};
  }
  if (const CharsMap::Match match = map_.Longest(text); match.length > 0) {
    return match;
  }
  if (!BeginsWithCharacter(text)) return {1, kReplacement};
  const size_t length = CharacterBytes(text);
  return {length, text.substr(0, length)};
}

void SentencePieceNormalizer::Append(std::string_view part,
                                     std::string& normalized) const {
  for (const char c : part) {
    if (c == ' ') {
      normalized += space_;
    } else {
      normalized += c;
    }
  }
}

std::string SentencePieceNormalizer::Normalize(std::string_view text) const {
  const bool thins_out = file_->remove_extra_whitespaces;
  while (thins_out && !text.empty()) {
    const CharsMap::Match match = Prefix(text);
    if (match.replacement != " ") break;
    text.remove_prefix(match.length);
  }
  std::string normalized;
  if (text.empty()) return normalized;
  const bool has_space = file_->add_dummy_prefix;
  if (has_space && !file_->whitespace_as_suffix) normalized += space_;
  bool after_space = thins_out;
  while (!text.empty()) {
    CharsMap::Match match = Prefix(text);
    text.remove_prefix(match.length);
    if (after_space) RemoveLeadingSpaces(match.replacement);
    if (!match.replacement.empty()) {
      Append(match.replacement, normalized);
      after_space = thins_out && match.replacement.ends_with(' ');
    }
  }
  while (thins_out && normalized.ends_with(space_)) {
    normalized.resize(normalized.size() - space_.size());
  }
  if (has_space && file_->whitespace_as_suffix) normalized += space_;
  return normalized;
}

}  // namespace atelier::trainer
