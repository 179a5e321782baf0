#include "trainer/checkpoint/sha256.h"

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

// FIPS 180-4's example.
TEST(Sha256Test, GivesTheStandardsExample) {
  EXPECT_EQ(Sha256Of("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256Test, PiecesDoNotMatter) {
  Sha256 digest;
  digest.Update("a");
  digest.Update("");
  digest.Update("bc");
  EXPECT_EQ(digest.Finish(), Sha256Of("abc"));
}

}  // namespace
}  // namespace atelier::trainer
