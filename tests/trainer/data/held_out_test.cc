#include "trainer/data/held_out.h"

#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/batch_sampler.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

std::set<std::string> PathsOf(const std::vector<DatasetImage>& images) {
  std::set<std::string> paths;
  for (const DatasetImage& image : images) paths.insert(image.path);
  return paths;
}

class HeldOutTest : public ::testing::Test {
 protected:
  HeldOutTest() {
    std::vector<testing::TinyImage> images;
    for (int i = 0; i < 10; ++i) {
      images.push_back({absl::StrCat("i", i, ".png"), 32, 32, "a, b"});
    }
    testing::WriteTinyDataset(dir_.File("cats"), images);
    AddDataset();
  }

  DatasetOptions& AddDataset() {
    DatasetOptions& dataset = config_.datasets.emplace_back();
    dataset.width = dataset.height = 32;
    AddSubset("cats").num_repeats = 3;
    return dataset;
  }

  SubsetOptions& AddSubset(const std::string& folder) {
    SubsetOptions& subset = config_.datasets.back().subsets.emplace_back();
    subset.image_dir = dir_.File(folder);
    subset.caption_extension = ".txt";
    return subset;
  }

  DatasetIndex Scan(uint64_t seed = 0) {
    ScanOptions options;
    options.seed = seed;
    auto index = ScanDataset(config_, options);
    EXPECT_TRUE(index.ok()) << index.status();
    return index.ok() ? *std::move(index) : DatasetIndex();
  }

  atelier::testing::TempDir dir_;
  DatasetConfig config_;
};

TEST_F(HeldOutTest, EveryImageIsOnExactlyOneSide) {
  config_.datasets[0].validation_split = 0.25;
  const DatasetIndex index = Scan();
  EXPECT_EQ(index.held_out.size(), 3u);  // 2.5 is rounded to 3
  EXPECT_EQ(index.images.size(), 7u);
  EXPECT_EQ(index.train_images, 7);
  std::set<std::string> all = PathsOf(index.images);
  for (const std::string& path : PathsOf(index.held_out)) {
    EXPECT_TRUE(all.insert(path).second) << path << " is on both sides";
  }
  EXPECT_EQ(all.size(), 10u);
}

TEST_F(HeldOutTest, HeldOutImagesAreInNoBatchOfTraining) {
  config_.datasets[0].validation_split = 0.5;
  config_.datasets[0].subsets[0].flip_aug = true;
  const DatasetIndex index = Scan();
  const std::set<std::string> held_out = PathsOf(index.held_out);
  const BatchSampler sampler(MakeBuckets(index).buckets, 1);
  EXPECT_EQ(sampler.samples_per_epoch(), 5 * 3);
  for (const PlannedBatch& batch : sampler.Epoch(1)) {
    for (int64_t image : batch.images) {
      EXPECT_EQ(held_out.count(index.images[image].path), 0u);
    }
  }
}

TEST_F(HeldOutTest, TheSidesFollowFromTheSeed) {
  config_.datasets[0].validation_split = 0.3;
  const auto of_run = [&](uint64_t seed) {
    return PathsOf(Scan(seed).held_out);
  };
  EXPECT_EQ(of_run(5), of_run(5));
  EXPECT_NE(of_run(5), of_run(6));
  const std::set<std::string> five = of_run(5);
  config_.datasets[0].validation_seed = 5;
  EXPECT_EQ(of_run(6), five) << "validation_seed does not win over the run's";
}

TEST_F(HeldOutTest, ACopyOfTheDatasetHasTheSameSides) {
  config_.datasets[0].validation_split = 0.3;
  const auto names = [](const DatasetIndex& index) {
    std::set<std::string> found;
    for (const DatasetImage& image : index.held_out) {
      found.insert(std::filesystem::path(image.path).filename().string());
    }
    return found;
  };
  const auto here = names(Scan());
  std::filesystem::create_directory(dir_.File("copy"));
  std::filesystem::rename(dir_.File("cats"), dir_.File("copy/cats"));
  config_.datasets[0].subsets[0].image_dir = dir_.File("copy/cats");
  EXPECT_EQ(names(Scan()), here);
}

TEST_F(HeldOutTest, AnImageOfTwoDatasetsIsHeldOutOfBoth) {
  config_.datasets[0].validation_split = 0.3;
  AddDataset();  // the same folder, nothing held out
  const DatasetIndex index = Scan();
  EXPECT_EQ(index.images.size(), 2u * 7);
  EXPECT_EQ(index.held_out.size(), 2u * 3);
  const std::set<std::string> held_out = PathsOf(index.held_out);
  for (const std::string& path : PathsOf(index.images)) {
    EXPECT_EQ(held_out.count(path), 0u);
  }
}

TEST_F(HeldOutTest, RegularizationImagesAreNeverHeldOut) {
  testing::WriteTinyDataset(dir_.File("reg"),
                            {{"r1.png", 32, 32, "r"}, {"r2.png", 32, 32, "r"}});
  AddSubset("reg").is_reg = true;
  config_.datasets[0].validation_split = 0.9;
  const DatasetIndex index = Scan();
  EXPECT_EQ(index.held_out.size(), 9u);
  for (const DatasetImage& image : index.held_out) {
    EXPECT_FALSE(image.is_regularization);
  }
  EXPECT_EQ(index.regularization_images, 2);
}

TEST_F(HeldOutTest, AWholeSubsetCanBeHeldOut) {
  testing::WriteTinyDataset(dir_.File("val"), {{"v.png", 32, 32, "v"}});
  AddSubset("val").is_val = true;
  DatasetIndex index = Scan();
  ASSERT_EQ(index.held_out.size(), 1u);
  EXPECT_EQ(index.held_out[0].caption, "v");
  EXPECT_EQ(index.images.size(), 10u);
  config_.datasets[0].validation_split = 0.2;
  index = Scan();
  EXPECT_EQ(index.held_out.size(), 3u) << "the share is of the other subsets";
}

TEST_F(HeldOutTest, TooFewImagesToHoldOneOutAreWarnedAbout) {
  testing::WriteTinyDataset(dir_.File("one"), {{"o.png", 32, 32, "o"}});
  config_.datasets[0].subsets[0].image_dir = dir_.File("one");
  config_.datasets[0].validation_split = 0.5;
  const DatasetIndex index = Scan();
  EXPECT_TRUE(index.held_out.empty());
  ASSERT_EQ(index.warnings.size(), 1u);
  EXPECT_THAT(index.warnings[0], HasSubstr("validation_split holds nothing"));
}

TEST_F(HeldOutTest, SmallSharesHoldOneImageOutAndLargeOnesLeaveOne) {
  config_.datasets[0].validation_split = 0.001;
  EXPECT_EQ(Scan().held_out.size(), 1u);
  config_.datasets[0].validation_split = 0.999;
  EXPECT_EQ(Scan().images.size(), 1u);
}

TEST_F(HeldOutTest, TheIndexOfHeldOutImagesIsWithoutRandomness) {
  DatasetOptions& dataset = config_.datasets[0];
  dataset.validation_split = 0.3;
  SubsetOptions& subset = dataset.subsets[0];
  subset.flip_aug = subset.color_aug = subset.random_crop = true;
  subset.caption.shuffle = true;
  subset.caption.dropout_rate = 0.5;
  const DatasetIndex held_out = HeldOutIndex(Scan());
  ASSERT_EQ(held_out.images.size(), 3u);
  EXPECT_EQ(held_out.images[0].repeats, 1);
  const SubsetOptions& plain = held_out.subset_of(held_out.images[0]);
  EXPECT_FALSE(plain.flip_aug || plain.color_aug || plain.random_crop);
  EXPECT_FALSE(plain.caption.shuffle);
  EXPECT_EQ(plain.caption.dropout_rate, 0);
  const BucketLayout layout = MakeBuckets(held_out);
  ASSERT_EQ(layout.buckets.size(), 1u);
  EXPECT_EQ(layout.buckets[0].images.size(), 3u);
}

TEST_F(HeldOutTest, TheDigestTellsWhichImagesAreHeldOut) {
  const std::string all = Scan().digest;
  config_.datasets[0].validation_split = 0.3;
  const std::string first = Scan(1).digest;
  EXPECT_NE(first, all);
  EXPECT_NE(Scan(2).digest, first);
}

}  // namespace
}  // namespace atelier::trainer
