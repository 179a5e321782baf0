#include "trainer/dataset_check/caption_counts.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "trainer/dataset_check/token_counts.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// An index of images that have these captions.
DatasetIndex Captioned(const std::vector<std::string>& captions) {
  DatasetIndex index;
  index.config.datasets.emplace_back().subsets.emplace_back();
  for (const std::string& caption : captions) {
    DatasetImage& image = index.images.emplace_back();
    image.path = std::to_string(index.images.size()) + ".png";
    image.caption = caption;
  }
  return index;
}

TEST(CaptionCountsTest, TagsAreCountedOnceAnImage) {
  const CaptionCounts counts =
      CountCaptions(Captioned({"cat, red , cat", "dog, red", "red"}));
  EXPECT_THAT(counts.tags,
              ElementsAre(Pair("red", 3), Pair("cat", 1), Pair("dog", 1)));
  EXPECT_EQ(counts.distinct_tags, 3);
}

TEST(CaptionCountsTest, TheSeparatorOfTheSubsetDividesTags) {
  DatasetIndex index = Captioned({"a, b; c"});
  index.config.datasets[0].subsets[0].caption.separator = ";";
  EXPECT_THAT(CountCaptions(index).tags,
              ElementsAre(Pair("a, b", 1), Pair("c", 1)));
}

TEST(CaptionCountsTest, EmptyAndRepeatedCaptionsAreCounted) {
  const CaptionCounts counts =
      CountCaptions(Captioned({"", "a cat", "", "a cat", "a dog!"}));
  EXPECT_EQ(counts.captions, 5);
  EXPECT_EQ(counts.empty, 2);
  EXPECT_EQ(counts.distinct, 3);
  EXPECT_THAT(counts.repeated, ElementsAre(Pair("a cat", 2)));
  EXPECT_EQ(counts.shortest, 0);
  EXPECT_EQ(counts.longest, 6);
  EXPECT_EQ(counts.mean, 16 / 5.0);
}

TEST(CaptionCountsTest, RegularizationImagesAreLeftOut) {
  DatasetIndex index = Captioned({"a", "b"});
  index.images[1].is_regularization = true;
  EXPECT_EQ(CountCaptions(index).captions, 1);
}

TEST(CaptionCountsTest, TextsHaveEverythingThatIsNotRandom) {
  SubsetOptions subset;
  subset.caption.prefix = "photo,";
  subset.caption.shuffle = true;
  subset.caption.dropout_rate = 1;
  subset.caption.tag_dropout_rate = 1;
  subset.caption.token_warmup_step = 100;
  EXPECT_THAT(TextsOf(subset, "a, b, c"), ElementsAre("photo, a, b, c"));
  subset = SubsetOptions();
  subset.caption.enable_wildcard = true;
  EXPECT_THAT(TextsOf(subset, "one {x|y}\ntwo"), ElementsAre("one x", "two"));
}

TEST(TokenCountsTest, TheLongestLineOfEachCaptionCounts) {
  DatasetIndex index = Captioned({"aa", "a\naaaaaa", "aaaa"});
  index.config.datasets[0].subsets[0].caption.enable_wildcard = true;
  const auto length_of = [](const std::string& text) {
    return static_cast<int64_t>(text.size());
  };
  const std::vector<TokenCounts> counts =
      CountTokens(index, {{"letters", 4, length_of}});
  ASSERT_EQ(counts.size(), 1u);
  EXPECT_EQ(counts[0].tokenizer, "letters");
  EXPECT_EQ(counts[0].longest, 6);
  EXPECT_EQ(counts[0].mean, 4);
  EXPECT_EQ(counts[0].over_limit, 1);
  EXPECT_EQ(counts[0].captions[0].image, "2.png");
  EXPECT_EQ(counts[0].captions[1].tokens, 4);
}

}  // namespace
}  // namespace atelier::trainer
