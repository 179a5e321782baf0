#include "trainer/data/caption.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

StreamCaptionRandom Stream(uint64_t sample) {
  return StreamCaptionRandom(Rng(7, RngPurpose::kCaption, 1, sample));
}

std::string Process(const CaptionOptions& options, const std::string& caption,
                    uint64_t sample = 0) {
  StreamCaptionRandom random = Stream(sample);
  return ProcessCaption(options, caption, {.max_train_steps = 100}, random);
}

TEST(CaptionTest, AStreamGivesTheSameCaptionEachTime) {
  CaptionOptions options;
  options.shuffle = true;
  const std::string caption = "a, b, c, d, e, f, g, h";
  EXPECT_EQ(Process(options, caption, 3), Process(options, caption, 3));
  EXPECT_NE(Process(options, caption, 3), Process(options, caption, 4));
}

TEST(CaptionTest, ShufflingKeepsEveryTagAndTheFirstInPlace) {
  CaptionOptions options;
  options.shuffle = true;
  options.keep_tokens = 1;
  const std::string result = Process(options, "cat, b, c, d, e");
  const std::vector<std::string> tags = absl::StrSplit(result, ", ");
  EXPECT_EQ(tags.front(), "cat");
  EXPECT_EQ(std::set<std::string>(tags.begin(), tags.end()),
            (std::set<std::string>{"cat", "b", "c", "d", "e"}));
}

TEST(CaptionTest, PermutationsAreEvenlySpread) {
  std::map<std::vector<int64_t>, int> counts;
  for (uint64_t sample = 0; sample < 6000; ++sample) {
    StreamCaptionRandom random = Stream(sample);
    ++counts[random.Permute(3)];
  }
  ASSERT_EQ(counts.size(), 6u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 150);
}

TEST(CaptionTest, WildcardsWithoutEndOrContentStay) {
  CaptionOptions options;
  options.enable_wildcard = true;
  EXPECT_EQ(Process(options, "a {b|c"), "a {b|c");
  EXPECT_EQ(Process(options, "a {} b"), "a {} b");
  EXPECT_EQ(Process(options, "{one}"), "one");
}

TEST(CaptionTest, DropoutOfAllLeavesTheEmptyCaption) {
  CaptionOptions options;
  options.dropout_rate = 1;
  options.prefix = "pre";
  EXPECT_EQ(Process(options, "a, b"), "");
}

TEST(CaptionTest, WarmUpOfNoTagsIsHarmless) {
  CaptionOptions options;
  options.token_warmup_step = 10;
  options.token_warmup_min = 5;
  EXPECT_EQ(Process(options, ""), "");
}

}  // namespace
}  // namespace atelier::trainer
