#include "trainer/data/text_cache.h"

#include <filesystem>
#include <fstream>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TextCacheTest : public ::testing::Test {
 protected:
  TextCacheTest() { options_.batch_size = 2; }

  // Two places of four: the length of a caption and its first letter.
  std::vector<Tensor> Encode(absl::Span<const std::string> captions) {
    encoded_ += static_cast<int64_t>(captions.size());
    std::vector<float> lengths, letters;
    for (const std::string& caption : captions) {
      lengths.push_back(static_cast<float>(caption.size()));
      letters.push_back(caption.empty() ? 0.0f
                                        : static_cast<float>(caption[0]));
    }
    return {torch::tensor(lengths).unsqueeze(1), Tensor(),
            torch::tensor(letters).unsqueeze(1) * scale_, Tensor()};
  }

  absl::StatusOr<std::unique_ptr<TextCache>> Make() {
    encoded_ = 0;
    const std::vector<FixedCaption> captions = {{"a cat", dir_.File("x")},
                                                {"dogs", dir_.File("x")},
                                                {"", dir_.File("y")}};
    return TextCache::Make(
        captions, options_,
        [this](absl::Span<const std::string> batch)
            -> absl::StatusOr<std::vector<Tensor>> { return Encode(batch); });
  }

  std::vector<fs::path> Files() {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
    return files;
  }

  atelier::testing::TempDir dir_;
  TextCacheOptions options_;
  float scale_ = 1;
  int64_t encoded_ = 0;
};

TEST_F(TextCacheTest, GivesTheRowsOfCaptionsInTheOrderAskedFor) {
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(encoded_, 3);
  const std::vector<Tensor> rows =
      (*cache)->Rows({"dogs", "", "a cat", "dogs"});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_TRUE(rows[0].equal(torch::tensor({{4.0f}, {0.0f}, {5.0f}, {4.0f}})));
  EXPECT_FALSE(rows[1].defined());
  EXPECT_THROW((*cache)->Rows({"unknown"}), c10::Error);
  EXPECT_TRUE(Files().empty());
}

TEST_F(TextCacheTest, FilesServeTheNextRunOfTheSameEncodersOnly) {
  options_.to_disk = true;
  options_.encoder_digest = "one";
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(Files().size(), 3u);
  const auto again = Make();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(encoded_, 0);
  EXPECT_EQ((*again)->report().read_from_disk, 3);
  EXPECT_EQ((*again)->Rows({"dogs"}).size(), 4u);
  EXPECT_TRUE((*again)->Rows({"dogs"})[2].equal(torch::tensor({{100.0f}})));
  options_.encoder_digest = "two";
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 3);
}

TEST_F(TextCacheTest, ADamagedFileIsMadeAgainWithAWarning) {
  options_.to_disk = true;
  ASSERT_TRUE(Make().ok());
  std::ofstream(Files().front()) << "not tensors";
  const auto again = Make();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(encoded_, 1);
  ASSERT_EQ((*again)->report().warnings.size(), 1u);
  EXPECT_THAT((*again)->report().warnings[0], HasSubstr("made again"));
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 0);
}

TEST_F(TextCacheTest, OutputsThatAreNotFiniteNameTheCaption) {
  scale_ = std::numeric_limits<float>::infinity();
  const auto cache = Make();
  EXPECT_TRUE(absl::IsOutOfRange(cache.status()));
  EXPECT_THAT(std::string(cache.status().message()), HasSubstr("a cat"));
}

}  // namespace
}  // namespace atelier::trainer
