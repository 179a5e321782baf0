#include "proto/cc/dataset_paths.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/proto/violations.h"
#include "tests/support/temp_dir.h"

namespace atelier {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DatasetPathsTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) {
    const std::filesystem::path path(dir_.File(name));
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::vector<std::string> FileProblems(const std::string& text) {
    Write("d.toml", text);
    v1::DatasetOptions dataset;
    dataset.set_dataset_config(dir_.File("d.toml"));
    return Messages(CheckDatasetPaths(dataset));
  }
  std::vector<std::string> FolderProblems() {
    v1::DatasetOptions dataset;
    dataset.set_train_data_dir(dir_.File("train"));
    return Messages(CheckDatasetPaths(dataset));
  }

  testing::TempDir dir_;
};

TEST_F(DatasetPathsTest, FoldersWithImagesAreAccepted) {
  Write("cats/1.PNG", "");
  EXPECT_THAT(FileProblems("[[datasets]]\nresolution = 512\n"
                           "[[datasets.subsets]]\nimage_dir = \"cats\"\n"),
              IsEmpty());
}

TEST_F(DatasetPathsTest, BrokenTomlIsNamedWithItsPlace) {
  EXPECT_THAT(FileProblems("[[datasets]]\nresolution = \n"),
              ElementsAre(HasSubstr("d.toml:2:")));
}

TEST_F(DatasetPathsTest, MissingAndEmptyFoldersAreNamed) {
  Write("empty/readme.txt", "");
  EXPECT_THAT(FileProblems("[[datasets]]\n"
                           "[[datasets.subsets]]\nimage_dir = \"none\"\n"
                           "[[datasets.subsets]]\nimage_dir = \"empty\"\n"),
              ElementsAre(EndsWith("d.toml:3:13: image_dir is " +
                                   dir_.File("none") + ", which is no folder"),
                          HasSubstr(dir_.File("empty") + " holds no images")));
}

TEST_F(DatasetPathsTest, FileWithoutDatasetsIsRefused) {
  EXPECT_THAT(FileProblems(""), ElementsAre(HasSubstr("[[datasets]]")));
  EXPECT_THAT(FileProblems("[[datasets]]\nresolution = 512\n"),
              ElementsAre(HasSubstr("[[datasets.subsets]]")));
}

TEST_F(DatasetPathsTest, MetadataStandsForImages) {
  Write("meta.json", "{}");
  std::filesystem::create_directories(dir_.File("empty"));
  EXPECT_THAT(FileProblems("[[datasets]]\n[[datasets.subsets]]\n"
                           "metadata_file = \"meta.json\"\n"
                           "image_dir = \"empty\"\n"),
              IsEmpty());
}

TEST_F(DatasetPathsTest, JsonIsLookedThroughAsTomlIs) {
  Write("cats/1.png", "");
  Write("d.json", R"({"datasets": [{"subsets": [
      {"image_dir": "cats", "conditioning_data_dir": "masks"}]}]})");
  v1::DatasetOptions dataset;
  dataset.set_dataset_config(dir_.File("d.json"));
  EXPECT_THAT(Messages(CheckDatasetPaths(dataset)),
              ElementsAre(dir_.File("d.json") + ": conditioning_data_dir is " +
                          dir_.File("masks") + ", which is no folder"));
  Write("d.json", "{\"datasets\": [");
  EXPECT_THAT(Messages(CheckDatasetPaths(dataset)),
              ElementsAre(HasSubstr("is not JSON")));
}

TEST_F(DatasetPathsTest, ImagesOfAMetadataFileNeedNoNamedSubFolders) {
  Write("train/1.jpg", "");
  v1::DatasetOptions dataset;
  dataset.set_train_data_dir(dir_.File("train"));
  EXPECT_FALSE(CheckDatasetPaths(dataset).empty());
  dataset.set_in_json("/meta.json");
  EXPECT_THAT(CheckDatasetPaths(dataset), IsEmpty());
}

TEST_F(DatasetPathsTest, TrainFolderNeedsNamedSubFoldersWithImages) {
  std::filesystem::create_directories(dir_.File("train/cats"));
  EXPECT_THAT(FolderProblems(), ElementsAre(HasSubstr("10_cat")));
  std::filesystem::create_directories(dir_.File("train/2_cats"));
  EXPECT_THAT(FolderProblems(), ElementsAre(HasSubstr("hold no images")));
  Write("train/2_cats/1.jpg", "");
  EXPECT_THAT(FolderProblems(), IsEmpty());
  std::filesystem::rename(dir_.File("train/2_cats"), dir_.File("train/2"));
  EXPECT_THAT(FolderProblems(), IsEmpty());
}

}  // namespace
}  // namespace atelier
