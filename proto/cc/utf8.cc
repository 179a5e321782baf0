#include "proto/cc/utf8.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace atelier {
namespace {

bool IsContinuation(absl::string_view text, size_t index) {
  return index < text.size() &&
         (static_cast<uint8_t>(text[index]) & 0xC0) == 0x80;
}

// Bytes of the character that starts at `index`; 0 where none does. Overlong
// forms, surrogates and values past U+10FFFF are none (RFC 3629).
size_t CharacterSize(absl::string_view text, size_t index) {
  const auto first = static_cast<uint8_t>(text[index]);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  if (!IsContinuation(text, index + 1)) return 0;
  if (first < 0xE0) return 2;
  const auto second = static_cast<uint8_t>(text[index + 1]);
  if (first == 0xE0 && second < 0xA0) return 0;
  if (first == 0xED && second > 0x9F) return 0;
  if (!IsContinuation(text, index + 2)) return 0;
  if (first < 0xF0) return 3;
  if (first == 0xF0 && second < 0x90) return 0;
  if (first == 0xF4 && second > 0x8F) return 0;
  return IsContinuation(text, index + 3) ? 4 : 0;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t size = CharacterSize(text, i);
    if (size == 0) return false;
    i += size;
  }
  return true;
}

std::string ToUtf8(absl::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t size = CharacterSize(text, i);
    if (size == 0) {
      result += '?';
      ++i;
      continue;
    }
    result.append(text.data() + i, size);
    i += size;
  }
  return result;
}

std::string CutUtf8(absl::string_view text, size_t limit_bytes) {
  constexpr absl::string_view kEllipsis = "…";
  if (text.size() <= limit_bytes) return std::string(text);
  if (limit_bytes < kEllipsis.size()) return "";
  size_t end = limit_bytes - kEllipsis.size();
  while (end > 0 && IsContinuation(text, end)) --end;
  return absl::StrCat(text.substr(0, end), kEllipsis);
}

}  // namespace atelier
