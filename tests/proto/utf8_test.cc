#include "proto/cc/utf8.h"

#include "gtest/gtest.h"

namespace atelier {
namespace {

TEST(Utf8Test, ValidTextIsLeftAlone) {
  EXPECT_TRUE(IsUtf8("aé漢😀"));
  EXPECT_EQ(ToUtf8("aé漢😀"), "aé漢😀");
}

TEST(Utf8Test, BrokenBytesAreReplacedOneByOne) {
  EXPECT_EQ(ToUtf8("a\xff"
                   "b"),
            "a?b");
  EXPECT_EQ(ToUtf8("\xc0\x80"), "??");
  EXPECT_EQ(ToUtf8("\xed\xa0\x80"), "???");
  EXPECT_EQ(ToUtf8("\xf5\x80\x80\x80"), "????");
  EXPECT_EQ(ToUtf8("\xe6\xbc"), "??");
}

TEST(Utf8Test, CutNeverSplitsACharacter) {
  EXPECT_EQ(CutUtf8("abc", 3), "abc");
  EXPECT_EQ(CutUtf8("abcdefgh", 6), "abc…");
  EXPECT_EQ(CutUtf8("a漢漢漢", 7), "a漢…");
  EXPECT_EQ(CutUtf8("漢漢漢", 5), "…");
  EXPECT_EQ(CutUtf8("abcdef", 2), "");
}

}  // namespace
}  // namespace atelier
