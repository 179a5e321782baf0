// Datasets of every kind of source, and keys that only say that they do
// nothing.
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/dataset_config.h"

namespace atelier::trainer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DatasetKindsTest : public ::testing::Test {
 protected:
  DatasetKindsTest() {
    for (const char* folder :
         {"cats", "masks", "train/3_cat", "reg/1_animal"}) {
      std::filesystem::create_directories(dir_.File(folder));
    }
    request_.dataset.width = request_.dataset.height = 64;
  }

  absl::StatusOr<DatasetConfig> Read(const std::string& general,
                                     const std::string& subset) {
    request_.dataset_config = dir_.File("data.toml");
    testing::WriteText(request_.dataset_config,
                       "[general]\n" + general +
                           "\n[[datasets]]\n[[datasets.subsets]]\n"
                           "image_dir = \"cats\"\n" +
                           subset);
    return ReadDatasetConfig(request_);
  }

  atelier::testing::TempDir dir_;
  DatasetRequest request_;
};

TEST_F(DatasetKindsTest, KeysWithoutEffectAreNamedOnceEach) {
  const auto config = Read(
      "network_multiplier = 0.5\ncache_info = true\n"
      "custom_attributes = { a = 1 }",
      "cache_info = true\ncustom_attributes = { b = 2 }");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings,
              ::testing::UnorderedElementsAre(
                  HasSubstr("network_multiplier has no effect: "),
                  HasSubstr("cache_info has no effect: "),
                  HasSubstr("custom_attributes has no effect: ")));
}

TEST_F(DatasetKindsTest, AMaskFolderIsResolvedAndNeedsMaskedLoss) {
  const std::string key = "conditioning_data_dir = \"masks\"";
  EXPECT_THAT(std::string(Read("", key).status().message()),
              HasSubstr("needs the option masked_loss"));
  request_.masked_loss = true;
  const auto config = Read("", key);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->datasets[0].subsets[0].conditioning_data_dir,
            dir_.File("masks"));
  EXPECT_THAT(config->warnings, IsEmpty());
  EXPECT_THAT(
      std::string(
          Read("", "conditioning_data_dir = \"none\"").status().message()),
      HasSubstr("conditioning_data_dir: no folder"));
}

TEST_F(DatasetKindsTest, MaskedLossWithoutMasksIsSaidToDoNothing) {
  request_.masked_loss = true;
  const auto config = Read("", "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings,
              ElementsAre(HasSubstr("masked_loss has no effect")));
}

TEST_F(DatasetKindsTest, FaceCropsAreSaidToNeedOneShapeAndPixels) {
  const std::string key = "face_crop_aug_range = [2, 4]\n";
  EXPECT_THAT(Read(key, "")->warnings, IsEmpty());
  EXPECT_THAT(
      Read(key + "enable_bucket = true\nmin_bucket_reso = 64", "")->warnings,
      ElementsAre(HasSubstr("no effect with enable_bucket")));
  request_.cache_latents = true;
  EXPECT_THAT(Read(key, "")->warnings,
              ElementsAre(HasSubstr("no effect with cache_latents")));
}

TEST_F(DatasetKindsTest, WhatADescriptionReplacesIsWarnedAbout) {
  request_.train_data_dir = dir_.File("train");
  const auto config = Read("", "");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings,
              ElementsAre(HasSubstr("dataset_config is set")));
  EXPECT_EQ(config->datasets[0].subsets[0].image_dir, dir_.File("cats"));
}

TEST_F(DatasetKindsTest, AHeldOutSubsetCannotBeARegularizationOne) {
  EXPECT_THAT(
      std::string(Read("", "is_val = true\nis_reg = true").status().message()),
      HasSubstr("cannot be with is_reg"));
}

TEST_F(DatasetKindsTest, OneMetadataFileMakesADatasetOfItsOwn) {
  request_.train_data_dir = dir_.File("cats");
  request_.in_json = dir_.File("meta.json");
  request_.subset.num_repeats = 5;
  request_.reg_data_dir = dir_.File("reg");
  const auto config = ReadDatasetConfig(request_);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->datasets[0].subsets.size(), 1u);
  const SubsetOptions& subset = config->datasets[0].subsets[0];
  EXPECT_EQ(subset.image_dir, dir_.File("cats"));
  EXPECT_EQ(subset.metadata_file, dir_.File("meta.json"));
  EXPECT_EQ(subset.num_repeats, 5);
  EXPECT_THAT(config->warnings,
              ElementsAre(HasSubstr("reg_data_dir is not used")));
}

TEST_F(DatasetKindsTest, MasksOfNamedFoldersLieInFoldersOfTheSameName) {
  request_.masked_loss = true;
  request_.train_data_dir = dir_.File("train");
  request_.reg_data_dir = dir_.File("reg");
  request_.subset.conditioning_data_dir = dir_.File("masks");
  const auto folder_of = [&](size_t subset) {
    const auto config = ReadDatasetConfig(request_);
    EXPECT_TRUE(config.ok()) << config.status();
    return config->datasets[0].subsets[subset].conditioning_data_dir;
  };
  EXPECT_EQ(folder_of(0), dir_.File("masks"));
  EXPECT_EQ(folder_of(1), "") << "regularization images got masks";
  std::filesystem::create_directory(dir_.File("masks/3_cat"));
  EXPECT_EQ(folder_of(0), dir_.File("masks/3_cat"));
}

TEST_F(DatasetKindsTest, RepeatsOfTheOptionsAreTheFallback) {
  request_.subset.num_repeats = 4;
  EXPECT_EQ(Read("", "")->datasets[0].subsets[0].num_repeats, 4);
  EXPECT_EQ(Read("num_repeats = 2", "")->datasets[0].subsets[0].num_repeats, 2);
}

}  // namespace
}  // namespace atelier::trainer
