// The rows of the Unicode Character Database that text/unicode.cc searches;
// each table is ordered by code point.
#pragma once

#include <cstddef>
#include <cstdint>

namespace atelier::trainer {

// Code points first to last, both included.
struct CodeRange {
  char32_t first;
  char32_t last;
};
// Every step-th code point of a range has its lower-case form delta away.
struct LowerRange {
  char32_t first;
  char32_t last;
  uint32_t step;
  int32_t delta;
};
struct ClassRange {
  char32_t first;
  char32_t last;
  uint8_t combining_class;
};
// Canonical; `second` is 0 where the character stands for one other.
struct Decomposition {
  char32_t composed;
  char32_t first;
  char32_t second;
  bool may_compose;
};

extern const CodeRange kLetters[];  // general category L
extern const size_t kLettersSize;
extern const CodeRange kNumbers[];  // general category N
extern const size_t kNumbersSize;
extern const LowerRange kLowers[];
extern const size_t kLowersSize;
extern const ClassRange kCombiningClasses[];
extern const size_t kCombiningClassesSize;
extern const Decomposition kDecompositions[];  // without Hangul syllables
extern const size_t kDecompositionsSize;

}  // namespace atelier::trainer
