// Files that cannot be trained on: named all at once, or left out.
#include <unistd.h>

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/dataset_index.h"

namespace atelier::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

ScanOptions SkipCorrupt() {
  ScanOptions options;
  options.skip_corrupt_images = true;
  return options;
}

class BadFilesTest : public ::testing::Test {
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

  void Truncate(const std::string& name) {
    const std::string path = dir_.File("images/" + name);
    std::filesystem::resize_file(path,
                                 std::filesystem::file_size(path) * 2 / 3);
  }

  atelier::testing::TempDir dir_;
};

TEST_F(BadFilesTest, EveryBadFileIsInOneError) {
  testing::WriteTinyDataset(
      dir_.File("images"),
      {{"good.png", 64, 64, "x"}, {"cut.png"}, {"cut.jpg"}, {"cut.bmp"}});
  for (const char* name : {"cut.png", "cut.jpg", "cut.bmp"}) Truncate(name);
  testing::WriteText(dir_.File("images/empty.png"), "");
  testing::WriteText(dir_.File("images/text.jpeg"), "this is no image");
  testing::WriteText(dir_.File("images/good.txt"), "caf\xe9");
  std::filesystem::create_symlink("nowhere", dir_.File("images/link.png"));
  const std::string error = ErrorOf(Config());
  EXPECT_THAT(error, HasSubstr("7 of the dataset's files cannot be used"));
  EXPECT_THAT(error, HasSubstr("skip_corrupt_images"));
  EXPECT_THAT(error, HasSubstr("cut.png: is truncated"));
  EXPECT_THAT(error, HasSubstr("cut.jpg: is truncated"));
  EXPECT_THAT(error, HasSubstr("cut.bmp: is truncated"));
  EXPECT_THAT(error, HasSubstr("empty.png: is empty"));
  EXPECT_THAT(error, HasSubstr("text.jpeg: is not a PNG, JPEG, WebP, BMP or"));
  EXPECT_THAT(error, HasSubstr("good.txt: caption file is not UTF-8"));
  EXPECT_THAT(error, HasSubstr("link.png: cannot be opened"));
}

TEST_F(BadFilesTest, CorruptImagesCanBeLeftOutWithAWarningEach) {
  testing::WriteTinyDataset(
      dir_.File("images"),
      {{"a.png", 64, 64, "a"}, {"b.png", 64, 64, "b"}, {"c.png", 64, 64, "c"}});
  Truncate("b.png");
  const auto index = ScanDataset(Config(), SkipCorrupt());
  ASSERT_TRUE(index.ok()) << index.status();
  ASSERT_EQ(index->images.size(), 2u);
  EXPECT_EQ(index->images[1].caption, "c");
  ASSERT_EQ(index->warnings.size(), 1u);
  EXPECT_THAT(index->warnings[0], HasSubstr("b.png: is truncated"));
}

TEST_F(BadFilesTest, ManyBadFilesAreCountedAndTheFirstNamed) {
  for (int i = 0; i < 130; ++i) {
    testing::WriteText(dir_.File("images/" + std::to_string(1000 + i) + ".png"),
                       "no image");
  }
  const std::string error = ErrorOf(Config());
  EXPECT_THAT(error, HasSubstr("130 of the dataset's files"));
  EXPECT_THAT(error, HasSubstr("1000.png"));
  EXPECT_THAT(error, Not(HasSubstr("1120.png")));
  EXPECT_THAT(error, HasSubstr("and 31 more"));
}

TEST_F(BadFilesTest, BadCaptionsAreLeftOutLikeBadImages) {
  testing::WriteTinyDataset(dir_.File("images"),
                            {{"a.png", 64, 64, "a"}, {"b.png", 64, 64, "b"}});
  testing::WriteText(dir_.File("images/b.txt"), "");
  const auto index = ScanDataset(Config(), SkipCorrupt());
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->images.size(), 1u);
  ASSERT_EQ(index->bad_files.size(), 1u);
  EXPECT_EQ(index->bad_files[0].image, dir_.File("images/b.png"));
  EXPECT_THAT(index->warnings[0], HasSubstr("b.txt: caption file is empty"));
}

TEST_F(BadFilesTest, MissingImagesOfMetadataAreBadFiles) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png"}});
  testing::WriteText(dir_.File("meta.json"), R"({"a.png": {}, "b.png": {}})");
  DatasetConfig config = Config();
  config.datasets[0].subsets[0].metadata_file = dir_.File("meta.json");
  EXPECT_THAT(ErrorOf(config), AllOf(HasSubstr("1 of the dataset's files"),
                                     HasSubstr("\"b.png\": no such image")));
  const auto index = ScanDataset(config, SkipCorrupt());
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->images.size(), 1u);
}

TEST_F(BadFilesTest, AFolderWithoutImagesIsNamed) {
  std::filesystem::create_directory(dir_.File("images"));
  EXPECT_THAT(ErrorOf(Config()), AllOf(HasSubstr(dir_.File("images")),
                                       HasSubstr("holds no images")));
}

TEST_F(BadFilesTest, NothingLeftToTrainOnIsAnError) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 64, 64, "a"}});
  Truncate("a.png");
  const auto index = ScanDataset(Config(), SkipCorrupt());
  EXPECT_EQ(index.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BadFilesTest, AnUnreadableFileIsReported) {
  if (geteuid() == 0) GTEST_SKIP() << "root reads everything";
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 64, 64, "a"}});
  std::filesystem::permissions(dir_.File("images/a.png"),
                               std::filesystem::perms::none);
  EXPECT_THAT(ErrorOf(Config()), HasSubstr("a.png: cannot be opened"));
}

TEST_F(BadFilesTest, SmallImagesAreRefusedOnlyWhereTheyMayNotGrow) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 100, 40, "a"}});
  DatasetConfig config = Config();
  config.datasets[0].enable_bucket = true;
  config.datasets[0].width = config.datasets[0].height = 512;
  EXPECT_TRUE(ScanDataset(config, {}).ok());
  config.datasets[0].bucket_no_upscale = true;
  EXPECT_THAT(ErrorOf(config), HasSubstr("is 100x40 and may not be enlarged"));
}

TEST_F(BadFilesTest, AStripOfPixelsIsRefused) {
  testing::WriteTinyDataset(dir_.File("images"), {{"a.png", 900, 2, "a"}});
  EXPECT_THAT(ErrorOf(Config()), HasSubstr("too narrow"));
}

}  // namespace
}  // namespace atelier::trainer
