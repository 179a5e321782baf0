#include "proto/cc/dataset_rules.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_validate.h"
#include "tests/proto/violations.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::TrainingConfig With(const std::vector<std::string>& flags) {
  v1::TrainingConfig config;
  config.mutable_model()->set_pretrained_model_name_or_path("/m.safetensors");
  EXPECT_THAT(OptionsFromFlags(flags, "/", &config), IsEmpty());
  return config;
}

std::vector<std::string> Blamed(const std::vector<std::string>& flags) {
  return Fields(ValidateTraining(v1::ARCHITECTURE_SD1, With(flags)));
}

std::vector<std::string> Warned(const std::vector<std::string>& flags) {
  return OptionWarnings(v1::ARCHITECTURE_SD1, With(flags));
}

TEST(DatasetRulesTest, ImagesComeFromADescriptionAFolderOrAMetadataFile) {
  EXPECT_THAT(Blamed({}), ElementsAre("training.dataset.dataset_config"));
  EXPECT_THAT(Blamed({"--dataset_config", "/d.json"}), IsEmpty());
  EXPECT_THAT(Blamed({"--train_data_dir", "/t", "--resolution", "512"}),
              IsEmpty());
  EXPECT_THAT(Blamed({"--in_json", "/m.json", "--resolution", "512"}),
              IsEmpty());
}

TEST(DatasetRulesTest, OnlyADescriptionMayNameTheResolution) {
  EXPECT_THAT(Blamed({"--train_data_dir", "/t"}),
              ElementsAre("training.dataset.resolution"));
  EXPECT_THAT(Blamed({"--in_json", "/m.json"}),
              ElementsAre("training.dataset.resolution"));
}

TEST(DatasetRulesTest, RegularizationImagesGoWithTrainingFolders) {
  EXPECT_THAT(
      Blamed({"--in_json", "/m", "--reg_data_dir", "/r", "--resolution", "1"}),
      ElementsAre("training.dataset.reg_data_dir"));
}

TEST(DatasetRulesTest, SourcesBesideADescriptionAreNotUsed) {
  EXPECT_THAT(Warned({"--dataset_config", "/d.toml", "--train_data_dir", "/t",
                      "--reg_data_dir", "/r", "--in_json", "/m.json"}),
              ElementsAre("train_data_dir is not used: dataset_config is given",
                          "reg_data_dir is not used: dataset_config is given",
                          "in_json is not used: dataset_config is given"));
}

TEST(DatasetRulesTest, WhatNothingLooksAtIsSaid) {
  const std::vector<std::string> folder = {"--train_data_dir", "/t",
                                           "--resolution", "512"};
  const auto with = [&](std::vector<std::string> flags) {
    flags.insert(flags.end(), folder.begin(), folder.end());
    return Warned(flags);
  };
  EXPECT_THAT(with({}), IsEmpty());
  EXPECT_THAT(with({"--dataset_repeats", "2"}),
              ElementsAre(HasSubstr("dataset_repeats has no effect")));
  EXPECT_THAT(with({"--validation_seed", "2"}),
              ElementsAre(HasSubstr("validation_seed has no effect")));
  EXPECT_THAT(with({"--masked_loss"}),
              ElementsAre(HasSubstr("masked_loss has no effect")));
  EXPECT_THAT(with({"--face_crop_aug_range", "1,2", "--cache_latents"}),
              ElementsAre(HasSubstr("face_crop_aug_range has no effect")));
  EXPECT_THAT(Warned({"--dataset_config", "/d.toml", "--masked_loss",
                      "--validation_seed", "1", "--dataset_repeats", "2",
                      "--face_crop_aug_range", "1,2", "--cache_latents"}),
              IsEmpty())
      << "the description may have what they need";
}

TEST(DatasetRulesTest, FaceCropRangesAreAscendingAndAboveNothing) {
  const auto range = ParseFaceCropRange("2.0, 4");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->min, 2);
  EXPECT_EQ(range->max, 4);
  for (const char* text : {"", "2", "2,", "a,b", "0,1", "4,2", "1,2,3", "1,1e9",
                           "nan,2", "-1,1"}) {
    EXPECT_FALSE(ParseFaceCropRange(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace atelier
