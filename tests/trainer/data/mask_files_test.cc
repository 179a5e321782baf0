#include "trainer/data/mask_files.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/dataset_index.h"

namespace atelier::trainer {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class MaskFilesTest : public ::testing::Test {
 protected:
  MaskFilesTest() {
    testing::WriteTinyDataset(dir_.File("images"),
                              {{"a.png", 64, 48, "a"}, {"b.jpg", 64, 64, "b"}});
    std::filesystem::create_directory(dir_.File("masks"));
    SubsetOptions subset;
    subset.image_dir = dir_.File("images");
    subset.conditioning_data_dir = dir_.File("masks");
    subset.caption_extension = ".txt";
    DatasetOptions dataset;
    dataset.width = dataset.height = 64;
    dataset.subsets = {subset};
    config_.datasets = {dataset};
  }

  void WriteMask(const std::string& name, int width, int height, int seed = 1) {
    testing::WritePicture(dir_.File("masks/" + name), width, height, seed);
  }

  std::string ErrorOf() {
    const auto index = ScanDataset(config_, {});
    EXPECT_FALSE(index.ok());
    return std::string(index.status().message());
  }

  atelier::testing::TempDir dir_;
  DatasetConfig config_;
};

TEST_F(MaskFilesTest, MasksAreFoundByNameWhateverTheirEnding) {
  WriteMask("a.webp", 64, 48);
  WriteMask("b.png", 64, 64);
  const auto index = ScanDataset(config_, {});
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->images[0].mask_path, dir_.File("masks/a.webp"));
  EXPECT_EQ(index->images[1].mask_path, dir_.File("masks/b.png"));
  EXPECT_THAT(index->warnings, IsEmpty());
}

TEST_F(MaskFilesTest, AMaskOfAnotherSizeIsTakenAndOfAnotherShapeIsNot) {
  WriteMask("a.png", 32, 24);
  WriteMask("b.png", 96, 64);
  EXPECT_THAT(ErrorOf(),
              AllOf(HasSubstr("b.png: mask is 96x64, its image 64x64; they "
                              "must have the same shape"),
                    ::testing::Not(HasSubstr("a.png"))));
}

TEST_F(MaskFilesTest, EveryMissingAndBrokenMaskIsInOneError) {
  testing::WriteText(dir_.File("masks/b.png"), "no picture");
  EXPECT_THAT(ErrorOf(), AllOf(HasSubstr("a.png: has no mask of its name in " +
                                         dir_.File("masks")),
                               HasSubstr("masks/b.png: is not a")));
}

TEST_F(MaskFilesTest, MasksWithoutAnImageAreNamed) {
  for (const char* name : {"a.png", "c.png"}) WriteMask(name, 64, 48);
  WriteMask("b.png", 64, 64);
  const auto index = ScanDataset(config_, {});
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_THAT(index->warnings,
              ElementsAre(AllOf(HasSubstr("1 masks belong to no image"),
                                HasSubstr("c.png"))));
}

TEST_F(MaskFilesTest, TheDatasetsDigestDependsOnItsMasks) {
  WriteMask("a.png", 64, 48, 1);
  WriteMask("b.png", 64, 64);
  const auto before = ScanDataset(config_, {});
  WriteMask("a.png", 64, 48, 5);
  const auto after = ScanDataset(config_, {});
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_NE(before->digest, after->digest);
}

}  // namespace
}  // namespace atelier::trainer
