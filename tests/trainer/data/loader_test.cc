#include "trainer/data/loader.h"

#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/data/scanned_dataset.h"

namespace atelier::trainer {
namespace {

using ::testing::HasSubstr;

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest() {
    data_.subset().num_repeats = 2;
    data_.subset().flip_aug = true;
    data_.subset().random_crop = true;
    data_.subset().caption.shuffle = true;
    data_.Scan();
  }

  Loader MakeLoader(int threads, BatchPosition start = {}) {
    LoaderOptions options;
    options.seed = 11;
    options.threads = threads;
    options.start = start;
    return Loader(data_.index, data_.layout, nullptr, options);
  }

  static std::vector<Batch> TakeBatches(Loader& loader, int count) {
    std::vector<Batch> batches;
    for (int i = 0; i < count; ++i) {
      auto batch = loader.Next();
      EXPECT_TRUE(batch.ok()) << batch.status();
      if (batch.ok()) batches.push_back(*std::move(batch));
    }
    return batches;
  }

  static void ExpectSame(const std::vector<Batch>& a,
                         const std::vector<Batch>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(torch::equal(a[i].images, b[i].images)) << "batch " << i;
      EXPECT_EQ(a[i].captions, b[i].captions);
      EXPECT_EQ(a[i].image_indices, b[i].image_indices);
      EXPECT_EQ(a[i].epoch, b[i].epoch);
      EXPECT_EQ(a[i].index_in_epoch, b[i].index_in_epoch);
    }
  }

  testing::ScannedDataset data_;
};

TEST_F(LoaderTest, BatchesDoNotDependOnTheNumberOfThreads) {
  Loader alone = MakeLoader(0);
  const int count = static_cast<int>(2 * alone.batches_per_epoch() + 1);
  const std::vector<Batch> expected = TakeBatches(alone, count);
  for (int threads : {1, 4}) {
    Loader loader = MakeLoader(threads);
    ExpectSame(TakeBatches(loader, count), expected);
  }
}

TEST_F(LoaderTest, ResumingInsideAnEpochGivesTheSameRemainingBatches) {
  Loader whole = MakeLoader(2);
  const int before = static_cast<int>(whole.batches_per_epoch() + 3);
  TakeBatches(whole, before);
  const BatchPosition position = whole.position();
  EXPECT_EQ(position.epoch, 2);
  EXPECT_EQ(position.index, 3);
  const std::vector<Batch> rest = TakeBatches(whole, 8);
  Loader resumed = MakeLoader(2, position);
  ExpectSame(TakeBatches(resumed, 8), rest);
}

TEST_F(LoaderTest, AnEpochHoldsEveryImageAsOftenAsItRepeats) {
  Loader loader = MakeLoader(2);
  std::map<int64_t, int> counts;
  for (const Batch& batch :
       TakeBatches(loader, static_cast<int>(loader.batches_per_epoch()))) {
    EXPECT_EQ(batch.epoch, 1);
    for (int64_t image : batch.image_indices) ++counts[image];
  }
  EXPECT_EQ(counts.size(), data_.index.images.size());
  for (const auto& [image, count] : counts) EXPECT_EQ(count, 2);
  EXPECT_EQ(loader.position().epoch, 2);
}

TEST_F(LoaderTest, ImagesHaveTheirBucketsShapeAndRange) {
  Loader loader = MakeLoader(0);
  const Batch batch = TakeBatches(loader, 1)[0];
  const ImageGeometry& geometry = batch.geometry[0];
  EXPECT_EQ(batch.images.size(2), geometry.target_height);
  EXPECT_EQ(batch.images.size(3), geometry.target_width);
  EXPECT_GE(batch.images.min().item<float>(), -1);
  EXPECT_LE(batch.images.max().item<float>(), 1);
  EXPECT_EQ(batch.images.scalar_type(), torch::kFloat32);
  EXPECT_EQ(batch.loss_weights.size(0), batch.size());
}

TEST_F(LoaderTest, ADamagedImageIsAnErrorThatNamesItAndStays) {
  const std::string path = data_.folder() + "/d.png";
  testing::WriteText(path, testing::ReadBytes(path).substr(0, 300));
  for (int threads : {0, 3}) {
    Loader loader = MakeLoader(threads);
    absl::Status error;
    while (error.ok()) error = loader.Next().status();
    EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(error.message()), HasSubstr("d.png"));
    const BatchPosition stopped = loader.position();
    EXPECT_FALSE(loader.Next().ok());
    EXPECT_EQ(loader.position().index, stopped.index);
  }
}

TEST_F(LoaderTest, ADamagedImageCanBeLeftOutOfTheLoss) {
  std::string png = testing::ReadBytes(data_.folder() + "/d.png");
  png.replace(png.size() / 2, 60, std::string(60, 'x'));
  testing::WriteText(data_.folder() + "/d.png", png);
  LoaderOptions options;
  options.skip_corrupt_images = true;
  Loader loader(data_.index, data_.layout, nullptr, options);
  std::vector<std::string> warnings;
  for (const Batch& batch :
       TakeBatches(loader, static_cast<int>(2 * loader.batches_per_epoch()))) {
    for (int64_t i = 0; i < batch.size(); ++i) {
      const bool is_bad =
          data_.index.images[batch.image_indices[i]].path.ends_with("d.png");
      EXPECT_EQ(batch.loss_weights[i].item<float>(), is_bad ? 0 : 1);
      EXPECT_TRUE(batch.images[i].isfinite().all().item<bool>());
    }
    warnings.insert(warnings.end(), batch.warnings.begin(),
                    batch.warnings.end());
  }
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("d.png: image cannot be decoded"));
}

TEST_F(LoaderTest, AnImageOfAnotherSizeThanScannedIsNoticed) {
  testing::WritePicture(data_.folder() + "/a.png", 50, 70, 3);
  Loader loader = MakeLoader(0);
  absl::Status error;
  while (error.ok()) error = loader.Next().status();
  EXPECT_THAT(std::string(error.message()),
              HasSubstr("a.png: image is 50x70 and was 64x64"));
}

TEST_F(LoaderTest, ItEndsWithBatchesStillInTheMaking) {
  for (int i = 0; i < 20; ++i) {
    Loader loader = MakeLoader(4);
    if (i % 2 == 0) TakeBatches(loader, 1);
  }
}

}  // namespace
}  // namespace atelier::trainer
