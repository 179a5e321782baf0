#include "trainer/data/dataset_index.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/image_files.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class DatasetIndexTest : public ::testing::Test {
 protected:
  // One dataset of the folder `images`, filled by the test.
  DatasetConfig Config() {
    SubsetOptions subset;
    subset.image_dir = dir_.File("images");
    subset.caption_extension = ".txt";
    DatasetOptions dataset;
    dataset.width = dataset.height = 64;
    dataset.subsets = {subset};
    return {.datasets = {dataset}, .warnings = {}};
  }

  std::string ErrorOf(const DatasetConfig& config) {
    const auto index = ScanDataset(config, {});
    EXPECT_FALSE(index.ok());
    return std::string(index.status().message());
  }

  atelier::testing::TempDir dir_;
};

TEST_F(DatasetIndexTest, ImagesAreSortedWithSizesAndCaptions) {
  testing::WriteTinyDataset(dir_.File("images"), {{"b.png", 80, 64, "second"},
                                                  {"a.JPG", 64, 72, "first"},
                                                  {"c.webp", 30, 20, "third"}});
  testing::WriteText(dir_.File("images/notes.md"), "not an image");
  const auto index = ScanDataset(Config(), {});
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->images.size(), 3u);
  EXPECT_EQ(index->images[0].caption, "first");
  EXPECT_EQ(index->images[0].height, 72);
  EXPECT_EQ(index->images[1].width, 80);
  EXPECT_EQ(index->images[2].width, 30);
  EXPECT_EQ(index->train_images, 3);
}

TEST_F(DatasetIndexTest, ImagesOfOtherEndingsAreNamedOnce) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 64, 64, "a"}});
  testing::WriteText(dir_.File("images/b.avif"), "x");
  testing::WriteText(dir_.File("images/c.Png"), "x");
  const auto index = ScanDataset(Config(), {});
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->warnings.size(), 1u);
  EXPECT_THAT(index->warnings[0],
              AllOf(HasSubstr("2 files are not loaded"), HasSubstr("b.avif"),
                    HasSubstr("c.Png")));
}

TEST_F(DatasetIndexTest, AnOrientationIsWarnedOfOrApplied) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.jpg", 80, 64, "a"}});
  testing::WriteText(
      dir_.File("images/a.jpg"),
      testing::TurnedJpeg(testing::ReadBytes(dir_.File("images/a.jpg")), 6));
  DatasetConfig config = Config();
  const auto stored = ScanDataset(config, {});
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->images[0].width, 80);
  ASSERT_EQ(stored->warnings.size(), 1u);
  EXPECT_THAT(stored->warnings[0], HasSubstr("exif_orientation"));
  config.datasets[0].exif_orientation = true;
  const auto upright = ScanDataset(config, {});
  EXPECT_EQ(upright->images[0].width, 64);
  EXPECT_EQ(upright->images[0].height, 80);
  EXPECT_TRUE(upright->warnings.empty());
}

TEST_F(DatasetIndexTest, WithoutCaptionFileTheClassTokensAreTheCaption) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png"}, {"b.png"}});
  DatasetConfig config = Config();
  const auto bare = ScanDataset(config, {});
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(bare->images[0].caption, "");
  ASSERT_EQ(bare->warnings.size(), 1u);
  EXPECT_THAT(bare->warnings[0], HasSubstr("2 images have no caption file"));
  config.datasets[0].subsets[0].class_tokens = "sks cat";
  const auto named = ScanDataset(config, {});
  EXPECT_EQ(named->images[0].caption, "sks cat");
  EXPECT_TRUE(named->warnings.empty());
}

TEST_F(DatasetIndexTest, CaptionFilesAreReadAsTheSubsetSays) {
  testing::WriteTinyDataset(dir_.File("images"),
                            {{"a.png"}, {"b_1_2_3_4.png"}});
  testing::WriteText(dir_.File("images/a.txt"),
                     "\xef\xbb\xbf  first line \r\n\r\n second \r\n");
  testing::WriteText(dir_.File("images/b.txt"), "by its face");
  DatasetConfig config = Config();
  EXPECT_EQ(ScanDataset(config, {})->images[0].caption, "first line");
  EXPECT_EQ(ScanDataset(config, {})->images[1].caption, "by its face");
  config.datasets[0].subsets[0].caption.enable_wildcard = true;
  EXPECT_EQ(ScanDataset(config, {})->images[0].caption, "first line\nsecond");
  testing::WriteText(dir_.File("images/a.txt"), "");
  EXPECT_THAT(ErrorOf(config), HasSubstr("a.txt: caption file is empty"));
}

TEST_F(DatasetIndexTest, RegularizationImagesAreTakenInTurnUntilTheyAreEnough) {
  testing::WriteTinyDataset(
      dir_.File("images"),
      {{"a.png", 64, 64, "a"}, {"b.png", 64, 64, "b"}, {"c.png", 64, 64, "c"}});
  testing::WriteTinyDataset(dir_.File("reg"),
                            {{"r.png", 64, 64, "r"}, {"s.png", 64, 64, "s"}});
  DatasetConfig config = Config();
  config.datasets[0].subsets[0].num_repeats = 2;
  SubsetOptions reg = config.datasets[0].subsets[0];
  reg.image_dir = dir_.File("reg");
  reg.is_reg = true;
  reg.num_repeats = 1;
  config.datasets[0].subsets.push_back(reg);
  ScanOptions options;
  options.prior_loss_weight = 0.5;
  const auto index = ScanDataset(config, options);
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->images.size(), 5u);
  // Six training images with repeats: r s, then r s r s.
  EXPECT_EQ(index->images[3].repeats, 3);
  EXPECT_EQ(index->images[4].repeats, 3);
  EXPECT_TRUE(index->images[4].is_regularization);
  EXPECT_EQ(index->images[4].loss_weight, 0.5);
  EXPECT_EQ(index->images[0].loss_weight, 1.0);
}

TEST_F(DatasetIndexTest, SurplusRegularizationImagesAreLeftOut) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 64, 64, "a"}});
  testing::WriteTinyDataset(dir_.File("reg"),
                            {{"r.png", 64, 64, "r"}, {"s.png", 64, 64, "s"}});
  DatasetConfig config = Config();
  SubsetOptions reg = config.datasets[0].subsets[0];
  reg.image_dir = dir_.File("reg");
  reg.is_reg = true;
  config.datasets[0].subsets.push_back(reg);
  const auto index = ScanDataset(config, {});
  ASSERT_EQ(index->images.size(), 2u);
  EXPECT_EQ(index->regularization_images, 1);
  EXPECT_THAT(index->warnings[0], HasSubstr("only 1 of 2"));
}

TEST_F(DatasetIndexTest, DigestFollowsCaptionsAndFiles) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 64, 64, "one"}});
  const std::string before = ScanDataset(Config(), {})->digest;
  EXPECT_EQ(ScanDataset(Config(), {})->digest, before);
  testing::WriteText(dir_.File("images/a.txt"), "two");
  EXPECT_NE(ScanDataset(Config(), {})->digest, before);
  EXPECT_EQ(before.size(), 64u);
}

TEST_F(DatasetIndexTest, ACopiedDatasetHasTheSameDigest) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 64, 64, "one"}});
  const std::string before = ScanDataset(Config(), {})->digest;
  std::filesystem::rename(dir_.File("images"), dir_.File("first"));
  std::filesystem::copy(dir_.File("first"), dir_.File("images"));
  EXPECT_EQ(ScanDataset(Config(), {})->digest, before);
}

TEST_F(DatasetIndexTest, ScanStopsWhenAsked) {
  testing::WriteTinyDataset(dir_.File("images"), testing::EightImages());
  ScanOptions options;
  options.progress = [](int64_t done, int64_t total) {
    EXPECT_EQ(total, 8);
    return done >= 3 ? absl::CancelledError("asked to stop") : absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsCancelled(ScanDataset(Config(), options).status()));
}

}  // namespace
}  // namespace atelier::trainer
