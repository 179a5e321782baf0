// Builds SentencePiece models as their files hold them: the messages ModelProto
// (1 pieces, 2 trainer, 3 normalizer), SentencePiece (1 text, 2 score, 3 type)
// and the fields of the specs that matter.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

namespace atelier::trainer::testing {

inline std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) {
    bytes += static_cast<char>((value & 0x7F) | 0x80);
  }
  return bytes + static_cast<char>(value);
}

inline std::string NumberField(uint64_t field, uint64_t value) {
  return Varint(field << 3) + Varint(value);
}

inline std::string BytesField(uint64_t field, const std::string& bytes) {
  return Varint(field << 3 | 2) + Varint(bytes.size()) + bytes;
}

inline std::string FloatField(uint64_t field, float value) {
  std::string bytes(sizeof(value), '\0');
  std::memcpy(bytes.data(), &value, sizeof(value));
  return Varint(field << 3 | 5) + bytes;
}

// Of the enum PieceType; 1 is an ordinary piece.
inline std::string PieceField(const std::string& text, float score,
                              int type = 1) {
  return BytesField(1, BytesField(1, text) + FloatField(2, score) +
                           NumberField(3, static_cast<uint64_t>(type)));
}

}  // namespace atelier::trainer::testing
