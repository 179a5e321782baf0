#include "trainer/text/sentencepiece/model_file.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "proto/cc/status_macros.h"
#include "trainer/text/sentencepiece/wire_reader.h"

namespace atelier::trainer {
namespace {

// Numbers of the fields that are read.
enum ModelField : uint64_t { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum PieceField : uint64_t { kPieceText = 1, kPieceScore = 2, kPieceType = 3 };
enum TrainerField : uint64_t {
  kModelType = 3,
  kWhitespaceAsSuffix = 24,
  kByteFallback = 35,
};
enum NormalizerField : uint64_t {
  kCharsmap = 2,
  kAddDummyPrefix = 3,
  kRemoveExtraWhitespaces = 4,
  kEscapeWhitespaces = 5,
};

absl::Status Damaged(const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " is cut off or damaged"));
}

absl::StatusOr<Piece> ParsePiece(std::string_view message, size_t id) {
  Piece piece;
  WireReader reader(message);
  while (const auto field = reader.Next()) {
    switch (field->number) {
      case kPieceText:
        piece.text = field->bytes;
        break;
      case kPieceScore:
        piece.score = field->AsFloat();
        break;
      case kPieceType:
        piece.type = static_cast<PieceType>(field->value);
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return Damaged(absl::StrCat("piece ", id));
  if (piece.text.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("piece ", id, " is empty"));
  }
  if (!std::isfinite(piece.score)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the score of piece ", id, " is not finite"));
  }
  if (piece.type < PieceType::kNormal || piece.type > PieceType::kByte) {
    return absl::InvalidArgumentError(
        absl::StrCat("piece ", id, " is of an unknown type"));
  }
  return piece;
}

absl::Status ParseTrainer(std::string_view message, SentencePieceFile& file) {
  uint64_t model = static_cast<uint64_t>(PieceModel::kUnigram);
  WireReader reader(message);
  while (const auto field = reader.Next()) {
    if (field->number == kModelType) model = field->value;
    if (field->number == kByteFallback) file.byte_fallback = field->value != 0;
    if (field->number == kWhitespaceAsSuffix) {
      file.whitespace_as_suffix = field->value != 0;
    }
  }
  if (!reader.ok()) return Damaged("the trainer's part");
  file.model = static_cast<PieceModel>(model);
  if (file.model != PieceModel::kUnigram && file.model != PieceModel::kBpe) {
    return absl::InvalidArgumentError(
        "it is neither a unigram nor a BPE model");
  }
  return absl::OkStatus();
}

absl::Status ParseNormalizer(std::string_view message,
                             SentencePieceFile& file) {
  WireReader reader(message);
  while (const auto field = reader.Next()) {
    const bool is_set = field->value != 0;
    switch (field->number) {
      case kCharsmap:
        file.charsmap = field->bytes;
        break;
      case kAddDummyPrefix:
        file.add_dummy_prefix = is_set;
        break;
      case kRemoveExtraWhitespaces:
        file.remove_extra_whitespaces = is_set;
        break;
      case kEscapeWhitespaces:
        file.escape_whitespaces = is_set;
        break;
      default:
        break;
    }
  }
  return reader.ok() ? absl::OkStatus() : Damaged("the normalizer's part");
}

absl::Status ParseFields(std::string_view bytes, SentencePieceFile& file) {
  WireReader reader(bytes);
  while (const auto field = reader.Next()) {
    switch (field->number) {
      case kPieces: {
        ASSIGN_OR_RETURN(Piece piece,
                         ParsePiece(field->bytes, file.pieces.size()));
        file.pieces.push_back(std::move(piece));
        break;
      }
      case kTrainer:
        RETURN_IF_ERROR(ParseTrainer(field->bytes, file));
        break;
      case kNormalizer:
        RETURN_IF_ERROR(ParseNormalizer(field->bytes, file));
        break;
      default:
        break;
    }
  }
  return reader.ok() ? absl::OkStatus() : Damaged("it");
}

absl::Status CheckPieces(SentencePieceFile& file) {
  std::set<std::string_view> seen;
  int unknowns = 0;
  for (size_t id = 0; id < file.pieces.size(); ++id) {
    const Piece& piece = file.pieces[id];
    if (!seen.insert(piece.text).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("piece ", id, " repeats another"));
    }
    if (piece.type != PieceType::kUnknown) continue;
    ++unknowns;
    file.unknown_id = static_cast<int64_t>(id);
  }
  if (unknowns != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "it has ", unknowns, " pieces for what is unknown; must be one"));
  }
  const auto bytes = std::count_if(
      file.pieces.begin(), file.pieces.end(),
      [](const Piece& piece) { return piece.type == PieceType::kByte; });
  if (file.byte_fallback && bytes != 256) {
    return absl::InvalidArgumentError(
        absl::StrCat("it has pieces for ", bytes, " bytes; must be 256"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SentencePieceFile> ParseSentencePieceFile(
    std::string_view bytes, const std::string& origin) {
  SentencePieceFile file;
  absl::Status status = ParseFields(bytes, file);
  if (status.ok()) status = CheckPieces(file);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        origin, " is not a usable SentencePiece model: ", status.message()));
  }
  return file;
}

}  // namespace atelier::trainer
