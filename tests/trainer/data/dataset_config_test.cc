#include "trainer/data/dataset_config.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DatasetConfigTest : public ::testing::Test {
 protected:
  DatasetConfigTest() {
    std::filesystem::create_directory(dir_.File("cats"));
    std::filesystem::create_directory(dir_.File("reg"));
  }

  absl::StatusOr<DatasetConfig> Read(const std::string& toml) {
    request_.dataset_config = dir_.File("data.toml");
    testing::WriteText(request_.dataset_config, toml);
    return ReadDatasetConfig(request_);
  }

  std::string ErrorOf(const std::string& toml) {
    const auto config = Read(toml);
    EXPECT_FALSE(config.ok()) << "was accepted";
    return std::string(config.status().message());
  }

  atelier::testing::TempDir dir_;
  DatasetRequest request_;
};

constexpr char kMinimal[] = R"(
[[datasets]]
resolution = 512
[[datasets.subsets]]
image_dir = "cats"
)";

TEST_F(DatasetConfigTest, PathsAreRelativeToTheFile) {
  const auto config = Read(kMinimal);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->datasets[0].subsets[0].image_dir, dir_.File("cats"));
  EXPECT_EQ(config->datasets[0].width, 512);
  EXPECT_EQ(config->datasets[0].subsets[0].caption_extension, ".caption");
}

TEST_F(DatasetConfigTest, TheNearestValueWins) {
  request_.subset.num_repeats = 2;
  request_.subset.caption.keep_tokens = 9;
  request_.dataset.batch_size = 3;
  request_.dataset.width = request_.dataset.height = 64;
  const auto config = Read(R"(
[general]
caption_extension = ".txt"
num_repeats = 5
flip_aug = true
resolution = 768
[[datasets]]
resolution = [640, 512]
num_repeats = 6
[[datasets.subsets]]
image_dir = "cats"
num_repeats = 7
[[datasets.subsets]]
image_dir = "reg"
is_reg = true
flip_aug = false
[[datasets]]
batch_size = 4
[[datasets.subsets]]
image_dir = "cats"
)");
  ASSERT_TRUE(config.ok()) << config.status();
  const DatasetOptions& first = config->datasets[0];
  EXPECT_EQ(first.width, 640);
  EXPECT_EQ(first.height, 512);
  EXPECT_EQ(first.batch_size, 3);
  EXPECT_EQ(first.subsets[0].num_repeats, 7);
  EXPECT_TRUE(first.subsets[0].flip_aug);
  EXPECT_EQ(first.subsets[0].caption_extension, ".txt");
  EXPECT_EQ(first.subsets[0].caption.keep_tokens, 9);
  EXPECT_EQ(first.subsets[1].num_repeats, 6);
  EXPECT_TRUE(first.subsets[1].is_reg);
  EXPECT_FALSE(first.subsets[1].flip_aug);
  const DatasetOptions& second = config->datasets[1];
  EXPECT_EQ(second.width, 768);
  EXPECT_EQ(second.batch_size, 4);
  EXPECT_EQ(second.subsets[0].num_repeats, 5);
}

TEST_F(DatasetConfigTest, AllMistakesAreReportedAtOnceWithTheirPlaces) {
  const std::string error = ErrorOf(R"([general]
shuffle_captoin = true
image_dir = "cats"
[[datasets]]
resolution = "512"
batch_size = 0
[[datasets.subsets]]
image_dir = "cats"
num_repeats = "4"
caption_dropout_rate = 1.5
resolution = 512
[[datasets.subsets]]
image_dir = "dogs"
)");
  EXPECT_THAT(error, HasSubstr("data.toml:2:"));
  EXPECT_THAT(error, HasSubstr("general.shuffle_captoin: unknown key; did you "
                               "mean shuffle_caption?"));
  EXPECT_THAT(error, HasSubstr("general.image_dir: does not belong here but "
                               "into [[datasets.subsets]]"));
  EXPECT_THAT(error, HasSubstr("datasets[0].resolution: expected SIZE or "
                               "[WIDTH, HEIGHT] in pixels, found the text "
                               "\"512\""));
  EXPECT_THAT(error, HasSubstr("datasets[0].batch_size: is 0; must be from 1"));
  EXPECT_THAT(error,
              HasSubstr("datasets[0].subsets[0].num_repeats: expected a whole "
                        "number, found the text \"4\""));
  EXPECT_THAT(error, HasSubstr("caption_dropout_rate: is 1.5; must be from 0 "
                               "to 1"));
  EXPECT_THAT(error, HasSubstr("subsets[0].resolution: does not belong here"));
  EXPECT_THAT(error, AllOf(HasSubstr("data.toml:13:"), HasSubstr("no folder"),
                           HasSubstr("/dogs")));
}

TEST_F(DatasetConfigTest, SyntaxErrorsNameLineAndColumn) {
  EXPECT_THAT(ErrorOf("[general]\nresolution = = 5\n"),
              HasSubstr("data.toml:2:14: "));
}

TEST_F(DatasetConfigTest, HostileFilesAreRefusedPlainly) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("at least one [[datasets]] is needed"));
  EXPECT_THAT(ErrorOf("datasets = 5"), HasSubstr("[[datasets]]"));
  EXPECT_THAT(ErrorOf("datasets = [1, 2]"), HasSubstr("[[datasets]]"));
  EXPECT_THAT(ErrorOf("general = 1"), HasSubstr("general"));
  EXPECT_THAT(ErrorOf("[[datasets]]\nresolution = 512\nsubsets = {}"),
              HasSubstr("[[datasets.subsets]]"));
  EXPECT_THAT(ErrorOf("[dataset]\na = 1\n"),
              HasSubstr("did you mean datasets?"));
  ErrorOf(std::string(100, '\0'));
  ErrorOf("\xff\xfe[general]");
  ErrorOf("a = " + std::string(100000, '['));
  ErrorOf("[[datasets]]\nresolution = 99999999999999999999\n");
  ErrorOf(std::string(kMinimal) + "num_repeats = 9223372036854775807\n");
}

TEST_F(DatasetConfigTest, APathThatIsThereFromTheCurrentFolderIsPointedOut) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir_.path());
  testing::WriteText(dir_.File("sub/data.toml"), kMinimal);
  request_.dataset_config = "sub/data.toml";
  const auto config = ReadDatasetConfig(request_);
  std::filesystem::current_path(before);
  EXPECT_THAT(std::string(config.status().message()),
              AllOf(HasSubstr("/sub/cats"),
                    HasSubstr("it is there from the current folder")));
}

TEST_F(DatasetConfigTest, BucketLimitsMustFitTheResolution) {
  EXPECT_THAT(ErrorOf(R"(
[[datasets]]
resolution = 2048
enable_bucket = true
[[datasets.subsets]]
image_dir = "cats"
)"),
              HasSubstr("max_bucket_reso is 1024, below the longer side"));
  EXPECT_THAT(ErrorOf(R"(
[general]
enable_bucket = true
bucket_reso_steps = 48
[[datasets]]
resolution = 512
[[datasets.subsets]]
image_dir = "cats"
)"),
              HasSubstr("bucket_reso_steps is 48; must be a multiple of 64"));
  EXPECT_THAT(ErrorOf("[[datasets]]\nresolution = 500\n"
                      "[[datasets.subsets]]\nimage_dir = \"cats\"\n"),
              HasSubstr("for example 496x496"));
}

TEST_F(DatasetConfigTest, CachedLatentsExcludeWhatNeedsPixels) {
  request_.cache_latents = true;
  EXPECT_THAT(ErrorOf(std::string(kMinimal) + "color_aug = true\n"),
              HasSubstr("no effect on cached latents"));
}

TEST_F(DatasetConfigTest, ARepeatedOrSwitchedOffSubsetIsLeftOutWithAWarning) {
  const auto config = Read(std::string(kMinimal) + R"(
[[datasets.subsets]]
image_dir = "cats"
[[datasets.subsets]]
image_dir = "reg"
num_repeats = 0
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->datasets[0].subsets.size(), 1u);
  ASSERT_EQ(config->warnings.size(), 2u);
  EXPECT_THAT(config->warnings[0], HasSubstr("stands in this dataset already"));
  EXPECT_THAT(config->warnings[1], HasSubstr("num_repeats is 0"));
}

TEST_F(DatasetConfigTest, FoldersNameRepeatsAndClassTokens) {
  for (const char* name : {"10_sks cat", "3_dog_big", "notes", "0_none"}) {
    std::filesystem::create_directories(dir_.File("train/") + name);
  }
  request_.train_data_dir = dir_.File("train");
  ASSERT_TRUE(ParseResolution("256,512", &request_.dataset).ok());
  const auto config = ReadDatasetConfig(request_);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->datasets[0].subsets.size(), 2u);
  EXPECT_EQ(config->datasets[0].subsets[0].class_tokens, "sks cat");
  EXPECT_EQ(config->datasets[0].subsets[0].num_repeats, 10);
  EXPECT_EQ(config->datasets[0].subsets[1].class_tokens, "dog_big");
  EXPECT_EQ(config->datasets[0].width, 256);
  EXPECT_EQ(config->warnings.size(), 2u);
}

TEST_F(DatasetConfigTest, MissingInputsAreNamed) {
  request_.dataset_config = dir_.File("none.toml");
  EXPECT_THAT(std::string(ReadDatasetConfig(request_).status().message()),
              HasSubstr("none.toml"));
  request_.dataset_config = "";
  EXPECT_THAT(std::string(ReadDatasetConfig(request_).status().message()),
              HasSubstr("set dataset_config, train_data_dir or in_json"));
  request_.train_data_dir = dir_.File("nowhere");
  EXPECT_THAT(std::string(ReadDatasetConfig(request_).status().message()),
              AllOf(HasSubstr("nowhere"), HasSubstr("cannot be read")));
}

TEST_F(DatasetConfigTest, ResolutionOptionIsCheckedWhole) {
  DatasetOptions options;
  for (const char* text :
       {"", "512,", "512x512", "1,2,3", "-5", "99999", "a"}) {
    EXPECT_FALSE(ParseResolution(text, &options).ok()) << text;
  }
  ASSERT_TRUE(ParseResolution("512", &options).ok());
  EXPECT_EQ(options.height, 512);
}

}  // namespace
}  // namespace atelier::trainer
