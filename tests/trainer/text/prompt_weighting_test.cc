#include "trainer/text/prompt_weighting.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

std::vector<std::pair<std::string, double>> Parse(std::string_view prompt) {
  std::vector<std::pair<std::string, double>> parts;
  for (const WeightedText& part : ParseWeightedPrompt(prompt)) {
    parts.emplace_back(part.text, part.weight);
  }
  return parts;
}

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(PromptWeightingTest, MultipliesNestedWeights) {
  EXPECT_THAT(Parse("a ((b:1.5) c:0.5)"),
              ElementsAre(Pair("a ", 1), Pair("b", 0.75), Pair(" c", 0.5)));
}

TEST(PromptWeightingTest, TakesEscapedBracketsAsText) {
  EXPECT_THAT(Parse("\\(a\\) \\b"), ElementsAre(Pair("(a) \\b", 1)));
}

TEST(PromptWeightingTest, ClosesOpenBracketsAtTheEnd) {
  EXPECT_THAT(Parse("a (b"), ElementsAre(Pair("a ", 1), Pair("b", 1.1)));
}

TEST(PromptWeightingTest, TakesStrayBracketsAndNumbersAsText) {
  EXPECT_THAT(Parse("a) 1:2] b:3)"), ElementsAre(Pair("a) 1:2] b:3)", 1)));
}

TEST(PromptWeightingTest, TakesAMalformedNumberAsText) {
  EXPECT_THAT(Parse("(a:1.2.3)"), ElementsAre(Pair("a:1.2.3", 1.1)));
}

TEST(PromptWeightingTest, GivesOneEmptyPartForAnEmptyCaption) {
  EXPECT_THAT(Parse(""), ElementsAre(Pair("", 1)));
}

}  // namespace
}  // namespace atelier::trainer
