#include "trainer/data/metadata_file.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/dataset_index.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

class MetadataFileTest : public ::testing::Test {
 protected:
  MetadataFileTest() {
    testing::WriteTinyDataset(dir_.File("images"), {{"a.png"}, {"b.jpg"}});
    subset_.image_dir = dir_.File("images");
    subset_.metadata_file = dir_.File("meta.json");
  }

  std::vector<CaptionedImage> List(const std::string& text) {
    report_ = {};
    testing::WriteText(subset_.metadata_file, text);
    return ListMetadataImages(subset_, &report_);
  }

  atelier::testing::TempDir dir_;
  SubsetOptions subset_;
  ConfigReport report_;
};

TEST_F(MetadataFileTest, CaptionAndTagsAreJoined) {
  const auto images = List(R"({
    "b.jpg": {"tags": "dot, blue"},
    "a": {"caption": "a dot", "tags": "red, round", "image_size": [1, 1]}})");
  EXPECT_TRUE(report_.errors.empty());
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].path, dir_.File("images/a.png"));
  EXPECT_EQ(images[0].caption, "a dot,red, round");
  EXPECT_EQ(images[1].caption, "dot, blue");
}

TEST_F(MetadataFileTest, WithWildcardsEachLineGetsTheTags) {
  subset_.caption.enable_wildcard = true;
  const auto images =
      List(R"({"a.png": {"caption": "one\n\ntwo", "tags": "x\ny"}})");
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0].caption, "one,x,y\ntwo,x,y");
}

TEST_F(MetadataFileTest, JsonLinesNameTheirImages) {
  subset_.metadata_file = dir_.File("meta.jsonl");
  const auto images = List(
      "{\"image_path\": \"b.jpg\", \"caption\": \"c\"}\n\n"
      "{\"image_path\": \"a.png\"}\n");
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].caption, "");
  EXPECT_EQ(images[1].caption, "c");
}

TEST_F(MetadataFileTest, EveryBadEntryIsReported) {
  const auto images =
      List(R"({"none.png": {}, "a.png": {"caption": 5}, "b.jpg": []})");
  ASSERT_EQ(report_.errors.size(), 2u);
  EXPECT_THAT(report_.errors[0], HasSubstr("\"a.png\": expected an object"));
  ASSERT_EQ(images.size(), 1u);
  EXPECT_EQ(images[0].path, "");
  EXPECT_THAT(images[0].problem, HasSubstr("\"none.png\": no such image"));
}

TEST_F(MetadataFileTest, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"", "[1]", "{", "\xff\xfe", "{\"a\": nan}"}) {
    List(text);
    EXPECT_EQ(report_.errors.size(), 1u) << text;
  }
}

TEST_F(MetadataFileTest, TheLastEntryOfAnImageCounts) {
  subset_.metadata_file = dir_.File("meta.jsonl");
  const auto images = List(R"({"image_path": "a.png", "caption": "old"}
{"image_path": "b.jpg", "caption": "other"}
{"image_path": "a", "caption": "new"})");
  ASSERT_EQ(images.size(), 2u);
  EXPECT_EQ(images[0].caption, "new");
  EXPECT_EQ(images[1].caption, "other");
}

TEST_F(MetadataFileTest, AStatedSizeIsReadAndMustBeOne) {
  const auto images = List(R"({"a.png": {"image_size": [7, 9]},
                               "b.jpg": {"image_size": null}})");
  ASSERT_TRUE(report_.errors.empty());
  EXPECT_EQ(images[0].stated_size, (ImageSize{7, 9}));
  EXPECT_EQ(images[1].stated_size, ImageSize());
  for (const char* size : {"[1]", "\"1x2\"", "[1.5, 2]", "[-1, 2]", "7"}) {
    List(absl::StrCat("{\"a.png\": {\"image_size\": ", size, "}}"));
    ASSERT_EQ(report_.errors.size(), 1u) << size;
    EXPECT_THAT(report_.errors[0],
                HasSubstr("entry \"a.png\": image_size must be"));
  }
}

TEST_F(MetadataFileTest, AWrongStatedSizeIsSaidAndTheImagesOwnIsUsed) {
  testing::WriteText(subset_.metadata_file,
                     R"({"a.png": {"caption": "x", "image_size": [7, 9]}})");
  DatasetOptions dataset;
  dataset.width = dataset.height = 64;
  dataset.subsets = {subset_};
  const auto index = ScanDataset({.datasets = {dataset}, .warnings = {}}, {});
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->images[0].width, 64);
  ASSERT_EQ(index->warnings.size(), 1u);
  EXPECT_THAT(index->warnings[0],
              HasSubstr("1 images have not the image_size"));
}

}  // namespace
}  // namespace atelier::trainer
