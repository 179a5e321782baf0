#include "trainer/text/sentencepiece_tokenizer.h"

#include <cmath>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/sentencepiece_bytes.h"
#include "tests/support/temp_dir.h"

namespace atelier::trainer {
namespace {

using testing::BytesField;
using ::testing::ElementsAre;
using testing::FloatField;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::NumberField;
using testing::PieceField;

constexpr int kUnknown = 2;
constexpr int kUserDefined = 4;
constexpr int kUnused = 5;
constexpr int kByte = 6;
constexpr char kSpace[] = "\xE2\x96\x81";

std::string Trainer(int model_type, bool byte_fallback = false) {
  return BytesField(2, NumberField(3, static_cast<uint64_t>(model_type)) +
                           NumberField(35, byte_fallback ? 1 : 0));
}
const std::string kUnigram = Trainer(1);
const std::string kBpe = Trainer(2);

std::string Normalizer(const std::string& fields) {
  return BytesField(3, fields);
}
// Texts as they are, but for the mark of spaces.
const std::string kPlain =
    Normalizer(NumberField(3, 0) + NumberField(4, 0) + NumberField(5, 1));

std::vector<int64_t> Encode(const std::string& model, const std::string& text) {
  return SentencePieceTokenizer::Parse(model, "m").value()->Encode(text);
}

std::string ErrorOf(const std::string& model) {
  const auto tokenizer = SentencePieceTokenizer::Parse(model, "the file");
  return tokenizer.ok() ? "" : std::string(tokenizer.status().message());
}

// Ids: 0 unknown, 1 a, 2 b, 3 ab, 4 abab.
const std::string kPieces = PieceField("<unk>", 0, kUnknown) +
                            PieceField("a", -2) + PieceField("b", -2) +
                            PieceField("ab", -3) + PieceField("abab", -9);

TEST(SentencePieceTokenizerTest, UnigramTakesTheLargestSumOfScores) {
  EXPECT_THAT(Encode(kPieces + kUnigram + kPlain, "abab"), ElementsAre(3, 3));
  EXPECT_THAT(Encode(kPieces + kUnigram + kPlain, "aabb"),
              ElementsAre(1, 3, 2));
}

TEST(SentencePieceTokenizerTest, BpeJoinsThePairWithTheLargestScoreFirst) {
  EXPECT_THAT(Encode(kPieces + kBpe + kPlain, "abab"), ElementsAre(4));
  EXPECT_THAT(Encode(kPieces + kBpe + kPlain, "aab"), ElementsAre(1, 3));
}

TEST(SentencePieceTokenizerTest, UnknownCharactersInARowAreOne) {
  for (const std::string& model : {kUnigram, kBpe}) {
    EXPECT_THAT(Encode(kPieces + model + kPlain, "axyza"),
                ElementsAre(1, 0, 1));
  }
}

TEST(SentencePieceTokenizerTest,
     UnknownCharactersBecomeBytesWhereTheModelHasThem) {
  std::string pieces = kPieces;  // bytes from 5 on
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    snprintf(name, sizeof(name), "<0x%02X>", byte);
    pieces += PieceField(name, 0, kByte);
  }
  EXPECT_THAT(Encode(pieces + Trainer(2, true) + kPlain, "a\xC3\xA9"),
              ElementsAre(1, 5 + 0xC3, 5 + 0xA9));
}

TEST(SentencePieceTokenizerTest, UserDefinedPiecesAreNeverCut) {
  const std::string pieces = kPieces + PieceField("bab", 0, kUserDefined);
  for (const std::string& model : {kUnigram, kBpe}) {
    EXPECT_THAT(Encode(pieces + model + kPlain, "abab"), ElementsAre(1, 5));
  }
}

TEST(SentencePieceTokenizerTest, UnusedPiecesAreTakenApartAgain) {
  const std::string pieces = PieceField("<unk>", 0, kUnknown) +
                             PieceField("a", -2) + PieceField("b", -2) +
                             PieceField("ab", -3, kUnused);
  for (const std::string& model : {kUnigram, kBpe}) {
    EXPECT_THAT(Encode(pieces + model + kPlain, "ab"), ElementsAre(1, 2));
  }
}

TEST(SentencePieceTokenizerTest, SpacesAreThinnedOutAndMarked) {
  const std::string pieces = kPieces + PieceField(kSpace, -2);
  EXPECT_THAT(Encode(pieces + kUnigram, "  a   b  "), ElementsAre(5, 1, 5, 2));
  EXPECT_THAT(Encode(pieces + kUnigram + kPlain, " a "), ElementsAre(5, 1, 5));
  EXPECT_THAT(Encode(pieces + kUnigram, " \t"), ElementsAre(5, 0));
  EXPECT_THAT(Encode(pieces + kUnigram, "   "), IsEmpty());
  EXPECT_THAT(Encode(pieces + kUnigram, ""), IsEmpty());
}

TEST(SentencePieceTokenizerTest, BytesThatAreNoTextAreUnknown) {
  EXPECT_THAT(Encode(kPieces + kUnigram + kPlain, "a\xFF\xC3"),
              ElementsAre(1, 0));
}

// A table that turns `A` into `a`: a node of the trie for the byte, whose leaf
// has the place of the replacement.
std::string CharsMap() {
  std::vector<uint32_t> units(512, 0);
  units[0] = 256 << 10;                          // the root's children
  units[256 ^ 'A'] = (1u << 10) | 1 << 8 | 'A';  // with a leaf
  units[(256 ^ 'A') ^ 1] = 0x80000000;           // replacement 0
  std::string blob;
  for (const uint32_t unit : units) {
    blob.append(reinterpret_cast<const char*>(&unit), 4);
  }
  const auto bytes = static_cast<uint32_t>(blob.size());
  return std::string(reinterpret_cast<const char*>(&bytes), 4) + blob +
         std::string("a\0", 2);
}

TEST(SentencePieceTokenizerTest, CharactersAreReplacedByTheModelsTable) {
  const std::string normalizer =
      Normalizer(BytesField(2, CharsMap()) + NumberField(3, 0));
  EXPECT_THAT(Encode(kPieces + kUnigram + normalizer, "AbaB"),
              ElementsAre(3, 1, 0));
}

TEST(SentencePieceTokenizerTest, RefusesWhatIsNoModel) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("the file is not a usable SentencePiece "
                                     "model"));
  EXPECT_THAT(ErrorOf("<!doctype html>"), HasSubstr("the file"));
  EXPECT_THAT(ErrorOf("\x0A"), HasSubstr("cut off or damaged"));
}

TEST(SentencePieceTokenizerTest, EveryCutOffModelIsAnErrorOrUsable) {
  const std::string normalizer =
      Normalizer(BytesField(2, CharsMap()) + NumberField(3, 0));
  const std::string model = normalizer + kPieces + kUnigram;
  for (size_t size = 0; size < model.size(); ++size) {
    const auto tokenizer =
        SentencePieceTokenizer::Parse(model.substr(0, size), "the file");
    if (tokenizer.ok()) (*tokenizer)->Encode("abAb \xFF");
  }
}

TEST(SentencePieceTokenizerTest, TablesThatLeadOutsideEndTheSearch) {
  for (const uint32_t unit : {0xFFFFFFFFu, 0x7FFFFFFFu, 0x00000300u}) {
    std::string blob = CharsMap();
    for (size_t i = 4; i + 6 < blob.size(); i += 4) {
      std::memcpy(&blob[i], &unit, 4);
    }
    const std::string model =
        kPieces + kUnigram + Normalizer(BytesField(2, blob));
    EXPECT_NO_THROW(Encode(model, "AbAb"));
  }
}

TEST(SentencePieceTokenizerTest, NamesWhatContradictsItself) {
  EXPECT_THAT(ErrorOf(PieceField("a", 0)), HasSubstr("0 pieces for what is "
                                                     "unknown"));
  EXPECT_THAT(ErrorOf(kPieces + PieceField("a", 0)),
              HasSubstr("piece 5 repeats another"));
  EXPECT_THAT(ErrorOf(kPieces + PieceField("", 0)), HasSubstr("piece 5"));
  EXPECT_THAT(ErrorOf(kPieces + PieceField("c", NAN)), HasSubstr("piece 5"));
  EXPECT_THAT(ErrorOf(kPieces + PieceField("c", 0, 9)), HasSubstr("piece 5"));
  EXPECT_THAT(ErrorOf(kPieces + Trainer(3)),
              HasSubstr("neither a unigram nor a BPE model"));
  EXPECT_THAT(ErrorOf(kPieces + Trainer(2, true)),
              HasSubstr("pieces for 0 bytes; must be 256"));
  EXPECT_THAT(ErrorOf(kPieces + Normalizer(BytesField(2, "abc"))),
              HasSubstr("table of characters"));
}

TEST(SentencePieceTokenizerTest, NamesAFileThatIsMissing) {
  const auto tokenizer = SentencePieceTokenizer::Open("/nowhere/spiece.model");
  EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(tokenizer.status().message()),
              HasSubstr("/nowhere/spiece.model"));
}

TEST(SentencePieceTokenizerTest, OpensAFile) {
  const atelier::testing::TempDir dir;
  std::ofstream(dir.File("m"), std::ios::binary) << kPieces << kUnigram;
  const auto tokenizer = SentencePieceTokenizer::Open(dir.File("m"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  EXPECT_EQ((*tokenizer)->vocabulary(), 5);
}

TEST(SentencePieceRowsTest, KeepBeginAndEndWhereCaptionsAreCut) {
  const auto tokenizer =
      SentencePieceTokenizer::Parse(kPieces + kUnigram + kPlain, "m").value();
  const std::vector<std::string> captions = {"aaaaaa", "a", ""};
  SentencePieceFrame frame;
  frame.begin_id = 8;
  frame.end_id = 9;
  frame.pad_id = 7;
  frame.length = 4;
  const SentencePieceRows rows = EncodeRows(*tokenizer, captions, frame);
  EXPECT_TRUE(rows.ids.equal(
      torch::tensor({{8, 1, 1, 9}, {8, 1, 9, 7}, {8, 9, 7, 7}})));
  EXPECT_TRUE(rows.mask.equal(
      torch::tensor({{1, 1, 1, 1}, {1, 1, 1, 0}, {1, 1, 0, 0}})));
}

TEST(SentencePieceRowsTest, FrameAsT5AndGemmaDo) {
  const auto tokenizer =
      SentencePieceTokenizer::Parse(kPieces + kUnigram + kPlain, "m").value();
  const std::vector<std::string> captions = {"abb"};
  EXPECT_TRUE(EncodeRows(*tokenizer, captions, T5Frame(4))
                  .ids.equal(torch::tensor({{3, 2, 1, 0}})));
  EXPECT_TRUE(EncodeRows(*tokenizer, captions, GemmaFrame(4))
                  .ids.equal(torch::tensor({{2, 3, 2, 0}})));
}

}  // namespace
}  // namespace atelier::trainer
