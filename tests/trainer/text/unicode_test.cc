#include "trainer/text/unicode.h"

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

std::string Nfc(std::string_view text) {
  return EncodeUtf8(ToNfc(DecodeUtf8(text)));
}

TEST(UnicodeTest, ComposesLettersAndMarks) {
  EXPECT_EQ(Nfc("cafe\u0301"), "caf\u00e9");
  EXPECT_EQ(Nfc("A\u030a"), "\u00c5");
  EXPECT_EQ(Nfc("\u212b"), "\u00c5");  // the sign stands for the letter
}

TEST(UnicodeTest, OrdersMarksBeforeComposing) {
  EXPECT_EQ(Nfc("q\u0307\u0323"), "q\u0323\u0307");
  EXPECT_EQ(Nfc("e\u0327\u0301"), "\u0229\u0301");
}

TEST(UnicodeTest, ComposesHangul) {
  EXPECT_EQ(Nfc("\u1112\u1161\u11ab"), "\ud55c");
  EXPECT_EQ(Nfc("\ud55c"), "\ud55c");
}

TEST(UnicodeTest, KeepsWhatMayNotCompose) {
  EXPECT_EQ(Nfc("\u0958"), "\u0915\u093c");
}

TEST(UnicodeTest, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(DecodeUtf8("a\xff\xc3"), U"a\ufffd\ufffd");
  EXPECT_EQ(DecodeUtf8("\xed\xa0\x80").front(), U'\ufffd');  // a surrogate
  EXPECT_EQ(DecodeUtf8("\xc0\x80").front(), U'\ufffd');      // too long a form
  EXPECT_EQ(EncodeUtf8(DecodeUtf8("\U0001f600")), "\U0001f600");
}

TEST(UnicodeTest, KnowsLettersNumbersAndSpaces) {
  EXPECT_TRUE(IsLetter(U'\u732b') && IsLetter(U'\u00df') && !IsLetter(U'1'));
  EXPECT_TRUE(IsNumber(U'\u00bd') && IsNumber(U'\u0663') && !IsNumber(U'a'));
  EXPECT_TRUE(IsWhiteSpace(U'\u3000') && !IsWhiteSpace(U'\u200b'));
}

TEST(UnicodeTest, LowersLetterByLetter) {
  EXPECT_EQ(ToLower(U"\u00c4\u0416\u1e9e"), U"\u00e4\u0436\u00df");
  EXPECT_EQ(ToLower(U"\u0130"), U"i\u0307");
  EXPECT_EQ(ToLower(U"\u0101\u0100"), U"\u0101\u0101");
}

}  // namespace
}  // namespace atelier::trainer
