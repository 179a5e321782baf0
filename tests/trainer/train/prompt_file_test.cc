#include "trainer/train/prompt_file.h"

#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

class PromptFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::vector<PreviewPrompt>> Read(const std::string& name,
                                                  const std::string& text) {
    std::ofstream(dir_.File(name)) << text;
    return ReadPromptFile(dir_.File(name));
  }
  atelier::testing::TempDir dir_;
};

TEST_F(PromptFileTest, ALineHasAPromptAndFlags) {
  const auto prompt = ParsePromptLine(
      "a cat, sitting --n blurry, bad --w 640 --h 770 --d 42 --s 20 --l 4.5 "
      "--ss k_euler");
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->prompt, "a cat, sitting");
  EXPECT_EQ(prompt->negative_prompt, "blurry, bad");
  EXPECT_EQ(prompt->width, 640);
  EXPECT_EQ(prompt->height, 768);  // down to a multiple of 8
  EXPECT_EQ(prompt->seed, 42u);
  EXPECT_EQ(prompt->steps, 20);
  EXPECT_EQ(prompt->scale, 4.5);
  EXPECT_EQ(prompt->sampler, "k_euler");
}

TEST_F(PromptFileTest, WhatIsNotGivenHasItsDefault) {
  const auto prompt = ParsePromptLine("a dog");
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->width, 512);
  EXPECT_EQ(prompt->height, 512);
  EXPECT_EQ(prompt->steps, 30);
  EXPECT_EQ(prompt->scale, 7.5);
  EXPECT_FALSE(prompt->seed.has_value());
}

TEST_F(PromptFileTest, FlagsTakeAnyLetterCaseAndUnknownOnesAreIgnored) {
  const auto prompt = ParsePromptLine("x --W 128 --fs 3 --am 0.5 --S 5000");
  ASSERT_TRUE(prompt.ok());
  EXPECT_EQ(prompt->width, 128);
  EXPECT_EQ(prompt->steps, 1000);
}

TEST_F(PromptFileTest, APromptIsNeverTakenForAFlag) {
  EXPECT_EQ(ParsePromptLine("h 3 houses")->height, 512);
  EXPECT_EQ(ParsePromptLine("h 3 houses")->prompt, "h 3 houses");
}

TEST_F(PromptFileTest, TextFilesSkipBlankLinesAndComments) {
  const auto prompts = Read("p.txt", "# first\n\na cat --d 1\r\n  a dog\n");
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  ASSERT_EQ(prompts->size(), 2u);
  EXPECT_EQ((*prompts)[0].prompt, "a cat");
  EXPECT_EQ((*prompts)[0].seed, 1u);
  EXPECT_EQ((*prompts)[1].prompt, "a dog");
}

TEST_F(PromptFileTest, TomlSharesKeysBetweenSubsets) {
  const auto prompts = Read("p.toml", R"([prompt]
width = 256
scale = 3
[[prompt.subset]]
prompt = "a cat"
seed = 9
[[prompt.subset]]
prompt = "a dog"
width = 512
)");
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  ASSERT_EQ(prompts->size(), 2u);
  EXPECT_EQ((*prompts)[0].width, 256);
  EXPECT_EQ((*prompts)[0].seed, 9u);
  EXPECT_EQ((*prompts)[1].width, 512);
  EXPECT_EQ((*prompts)[1].scale, 3);
}

TEST_F(PromptFileTest, JsonIsAListOfObjectsOrLines) {
  const auto prompts = Read(
      "p.json", R"([{"prompt": "a cat", "sample_steps": 7}, "a dog --s 8"])");
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  ASSERT_EQ(prompts->size(), 2u);
  EXPECT_EQ((*prompts)[0].steps, 7);
  EXPECT_EQ((*prompts)[1].steps, 8);
}

TEST_F(PromptFileTest, MistakesNameFilePlaceAndWhatIsAllowed) {
  const auto line = Read("p.txt", "a cat\na dog --w wide\n");
  EXPECT_THAT(std::string(line.status().message()),
              ::testing::AllOf(HasSubstr("p.txt"), HasSubstr("line 2"),
                               HasSubstr("wide"), HasSubstr("pixels")));
  EXPECT_THAT(std::string(Read("q.yaml", "x").status().message()),
              HasSubstr(".txt, .toml or .json"));
  EXPECT_FALSE(Read("r.json", "{").ok());
  EXPECT_FALSE(Read("s.toml", "prompt = [").ok());
  EXPECT_FALSE(Read("t.json", "[3]").ok());
  EXPECT_TRUE(absl::IsNotFound(ReadPromptFile("/nowhere.txt").status()));
}

}  // namespace
}  // namespace atelier::trainer
