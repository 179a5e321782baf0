// What tokenizers need of Unicode: UTF-8, character classes, lower case and the
// composed normal form.
#pragma once

#include <string>
#include <string_view>

namespace atelier::trainer {

// Bytes that are not UTF-8 become U+FFFD, one each.
std::u32string DecodeUtf8(std::string_view text);
std::string EncodeUtf8(std::u32string_view text);

bool IsLetter(char32_t c);      // \p{L}
bool IsNumber(char32_t c);      // \p{N}
bool IsWhiteSpace(char32_t c);  // the property White_Space

// Character by character, without the rules that look at neighbours.
std::u32string ToLower(std::u32string_view text);

// Normalization form C. Source: Unicode Standard Annex #15.
std::u32string ToNfc(std::u32string_view text);

}  // namespace atelier::trainer
