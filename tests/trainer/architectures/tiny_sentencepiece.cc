// The file is a protocol buffer message, ModelProto of the library's
// sentencepiece_model.proto:
//
//   ModelProto     1: repeated SentencePiece
//   SentencePiece  1: piece (string), 2: score (float), 3: type (1 normal,
//                  2 unknown, 3 control)
#include "tests/trainer/architectures/tiny_sentencepiece.h"

#include <filesystem>
#include <fstream>

namespace atelier::trainer::testing {
namespace {

enum class PieceType : char { kNormal = 1, kUnknown = 2, kControl = 3 };

constexpr char kSpaceMark[] = "\xE2\x96\x81";

// A field of bytes, shorter than 128.
std::string LengthDelimited(int field, const std::string& bytes) {
  return std::string{static_cast<char>(field << 3 | 2),
                     static_cast<char>(bytes.size())} +
         bytes;
}

std::string Piece(const std::string& text, PieceType type) {
  const std::string score("\x15\x00\x00\x80\xBF", 5);  // field 2: -1
  const std::string kind{0x18, static_cast<char>(type)};
  return LengthDelimited(1, LengthDelimited(1, text) + score + kind);
}

}  // namespace

int64_t WriteTinySentencePiece(const std::string& path,
                               const std::vector<std::string>& controls) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  int64_t pieces = 0;
  for (const std::string& control : controls) {
    file << Piece(control, control == "<unk>" ? PieceType::kUnknown
                                              : PieceType::kControl);
    ++pieces;
  }
  file << Piece(kSpaceMark, PieceType::kNormal);
  ++pieces;
  for (char character = '!'; character <= '~'; ++character) {
    file << Piece(std::string(1, character), PieceType::kNormal);
    ++pieces;
  }
  return pieces;
}

}  // namespace atelier::trainer::testing
