#include "trainer/data/text_line.h"

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

TEST(TextLineTest, StripsUnicodeWhitespaceAtBothEnds) {
  EXPECT_EQ(StripWhitespace(" \t\r\n a b \v"), "a b");
  EXPECT_EQ(StripWhitespace("\u3000\u00a0日本\u2003"), "日本");
  EXPECT_EQ(StripWhitespace(" \u3000 "), "");
  EXPECT_EQ(StripWhitespace("\u200bzero width stays"),
            "\u200bzero width stays");
}

TEST(TextLineTest, AcceptsUtf8) {
  EXPECT_TRUE(IsUtf8(""));
  EXPECT_TRUE(IsUtf8("plain, café, 日本, 😀"));
}

TEST(TextLineTest, RefusesWhatIsNotUtf8) {
  EXPECT_FALSE(IsUtf8("caf\xe9"));           // Latin-1
  EXPECT_FALSE(IsUtf8("\xc0\xaf"));          // overlong
  EXPECT_FALSE(IsUtf8("\xed\xa0\x80"));      // surrogate
  EXPECT_FALSE(IsUtf8("\xf4\x90\x80\x80"));  // past U+10FFFF
  EXPECT_FALSE(IsUtf8("cut off \xe6\x97"));  // half a character
  EXPECT_FALSE(IsUtf8("\xff\xfe\x61\x00"));  // UTF-16
}

}  // namespace
}  // namespace atelier::trainer
