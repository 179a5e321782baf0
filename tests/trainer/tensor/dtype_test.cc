#include "trainer/tensor/dtype.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

TEST(DtypeTest, PrecisionNamesGoBothWays) {
  for (const char* name : {"float", "fp16", "bf16"}) {
    const auto type = ParsePrecision(name);
    ASSERT_TRUE(type.ok()) << type.status();
    EXPECT_EQ(PrecisionName(*type), name);
  }
}

TEST(DtypeTest, AnUnknownPrecisionIsRefusedWithThoseThatExist) {
  const auto type = ParsePrecision("fp8");
  ASSERT_FALSE(type.ok());
  EXPECT_THAT(std::string(type.status().message()),
              HasSubstr("'fp8'; must be one of float, fp16, bf16"));
}

TEST(DtypeTest, SafetensorsNamesGoBothWays) {
  for (const char* name : {"BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "I16",
                           "F16", "BF16", "I32", "F32", "F64", "I64"}) {
    const auto type = FromSafetensorsDtype(name);
    ASSERT_TRUE(type.has_value()) << name;
    EXPECT_EQ(SafetensorsDtype(*type), name);
  }
  EXPECT_FALSE(FromSafetensorsDtype("F24").has_value());
  EXPECT_EQ(SafetensorsDtype(torch::kQInt8), "");
}

}  // namespace
}  // namespace atelier::trainer
