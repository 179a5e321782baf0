#include "tests/trainer/architectures/tiny_sentencepiece.h"

#include <filesystem>
#include <fstream>

#include "tests/support/sentencepiece_bytes.h"

namespace atelier::trainer::testing {
namespace {

// Of the enum PieceType of the library's sentencepiece_model.proto.
constexpr int kUnknownPiece = 2;
constexpr int kControlPiece = 3;

constexpr char kSpaceMark[] = "\xE2\x96\x81";
constexpr float kScore = -1;

}  // namespace

int64_t WriteTinySentencePiece(const std::string& path,
                               const std::vector<std::string>& controls) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  std::ofstream file(path, std::ios::binary);
  int64_t pieces = 0;
  for (const std::string& control : controls) {
    const bool is_unknown = control == "<unk>";
    file << PieceField(control, kScore,
                       is_unknown ? kUnknownPiece : kControlPiece);
    ++pieces;
  }
  file << PieceField(kSpaceMark, kScore);
  ++pieces;
  for (char character = '!'; character <= '~'; ++character) {
    file << PieceField(std::string(1, character), kScore);
    ++pieces;
  }
  return pieces;
}

}  // namespace atelier::trainer::testing
