#include "trainer/optim/arguments.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer::arguments_test {
namespace {

using ::testing::HasSubstr;

constexpr ArgumentSpec kSpecs[] = {
    {"betas", "0.9,0.999", 0, 0.9999},
    {"eps", "1e-8", 0, 1},
    {"decouple", "True", 0, 1},
    {"beta3", "None", 0, 1},
};

absl::StatusOr<OptimizerArguments> Parse(
    const std::vector<std::string>& texts) {
  return OptimizerArguments::Parse("Test", kSpecs, texts);
}

void ExpectRefused(const std::string& text, const std::string& reason) {
  const auto arguments = Parse({text});
  EXPECT_EQ(arguments.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(arguments.status().message()), HasSubstr(reason));
}

TEST(ArgumentsTest, DefaultsHoldWithoutArguments) {
  const auto arguments = Parse({});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->Pair("betas"), std::pair(0.9, 0.999));
  EXPECT_EQ(arguments->Number("eps"), 1e-8);
  EXPECT_TRUE(arguments->Flag("decouple"));
  EXPECT_FALSE(arguments->Optional("beta3").has_value());
}

TEST(ArgumentsTest, TuplesAreReadWithAndWithoutBrackets) {
  for (const char* text : {"betas=0.8,0.95", "betas=(0.8, 0.95)",
                           "betas=[0.8,0.95]", " betas = (0.8,0.95,)"}) {
    const auto arguments = Parse({text});
    ASSERT_TRUE(arguments.ok()) << text << ": " << arguments.status();
    EXPECT_EQ(arguments->Pair("betas"), std::pair(0.8, 0.95)) << text;
  }
}

TEST(ArgumentsTest, NumbersFlagsAndNoneAreRead) {
  const auto arguments = Parse({"eps=1e-6", "decouple=False", "beta3=0.5"});
  ASSERT_TRUE(arguments.ok()) << arguments.status();
  EXPECT_EQ(arguments->Number("eps"), 1e-6);
  EXPECT_FALSE(arguments->Flag("decouple"));
  EXPECT_EQ(arguments->Optional("beta3"), 0.5);
  EXPECT_FALSE(Parse({"beta3=None"})->Optional("beta3").has_value());
}

TEST(ArgumentsTest, UnknownNameIsRefusedWithTheNearest) {
  ExpectRefused("beats=0.9,0.99", "did you mean betas?");
}

TEST(ArgumentsTest, ValuesOfTheWrongKindAreRefused) {
  ExpectRefused("betas=0.9", "expected two numbers");
  ExpectRefused("eps=small", "expected a number within 0 to 1");
  ExpectRefused("eps=2", "expected a number within 0 to 1");
  ExpectRefused("eps=nan", "expected a number within 0 to 1");
  ExpectRefused("decouple=perhaps", "expected True or False");
  ExpectRefused("eps", "expected NAME=VALUE");
  ExpectRefused("eps=None", "expected a number");
}

}  // namespace
}  // namespace atelier::trainer::arguments_test
