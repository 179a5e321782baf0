// What a SentencePiece model file says, checked.
//
// Source: the message ModelProto that SentencePiece writes; read here field by
// field, so that no second protocol buffer library stands in the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace atelier::trainer {

enum class PieceType {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;

  // Stands for itself in a text.
  bool is_text() const {
    return type == PieceType::kNormal || type == PieceType::kUserDefined ||
           type == PieceType::kUnused;
  }
};

enum class PieceModel { kUnigram = 1, kBpe = 2 };

struct SentencePieceFile {
  std::vector<Piece> pieces;  // by id
  int64_t unknown_id = 0;
  PieceModel model = PieceModel::kUnigram;
  bool byte_fallback = false;
  bool whitespace_as_suffix = false;
  // How texts are normalised.
  std::string charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
};

// Errors: INVALID_ARGUMENT naming `origin` for bytes that are no such model, a
// model that is truncated or contradicts itself, and word or character models.
absl::StatusOr<SentencePieceFile> ParseSentencePieceFile(
    std::string_view bytes, const std::string& origin);

}  // namespace atelier::trainer
