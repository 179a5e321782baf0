#include "trainer/data/text_line.h"

#include <algorithm>
#include <cstdint>

namespace atelier::trainer {
namespace {

uint8_t ByteAt(absl::string_view text, size_t at) {
  return static_cast<uint8_t>(text[at]);
}

// Bytes of the character that begins with `lead`; 0: no character does.
size_t SequenceLength(uint8_t lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

// The code point of the whole sequence [at, at + length), or -1.
int32_t DecodeAt(absl::string_view text, size_t at, size_t length) {
  if (length == 0 || at + length > text.size()) return -1;
  const uint8_t lead = ByteAt(text, at);
  if (length == 1) return lead;
  int32_t code = lead & (0x7f >> length);
  for (size_t i = 1; i < length; ++i) {
    const uint8_t byte = ByteAt(text, at + i);
    if ((byte & 0xc0) != 0x80) return -1;
    code = code << 6 | (byte & 0x3f);
  }
  const bool overlong =
      (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return overlong || surrogate || code > 0x10ffff ? -1 : code;
}

bool IsSpace(int32_t code) {
  return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x20) ||
         code == 0x85 || code == 0xa0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
         code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

// Bytes of a whitespace character at the end of the text, or 0.
size_t SpaceAtEnd(absl::string_view text) {
  for (size_t length = 1; length <= std::min<size_t>(3, text.size());
       ++length) {
    const size_t at = text.size() - length;
    if (SequenceLength(ByteAt(text, at)) != length) continue;
    return IsSpace(DecodeAt(text, at, length)) ? length : 0;
  }
  return 0;
}

}  // namespace

absl::string_view StripWhitespace(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = SequenceLength(ByteAt(text, 0));
    if (!IsSpace(DecodeAt(text, 0, length))) break;
    text.remove_prefix(length);
  }
  for (size_t length = SpaceAtEnd(text); length > 0;
       length = SpaceAtEnd(text)) {
    text.remove_suffix(length);
  }
  return text;
}

bool IsUtf8(absl::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = SequenceLength(ByteAt(text, at));
    if (DecodeAt(text, at, length) < 0) return false;
    at += length;
  }
  return true;
}

}  // namespace atelier::trainer
