#include "trainer/data/batch_sampler.h"

#include <map>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

// Images of three shapes, with 1, 2 and 3 repeats in turn.
DatasetIndex MakeIndex(int images, int batch_size) {
  DatasetIndex index;
  DatasetOptions dataset;
  dataset.width = dataset.height = 512;
  dataset.enable_bucket = true;
  dataset.batch_size = batch_size;
  dataset.subsets.emplace_back();
  index.config.datasets.push_back(dataset);
  for (int i = 0; i < images; ++i) {
    DatasetImage image;
    image.width = 600 + 300 * (i % 3);
    image.height = 600;
    image.repeats = 1 + i % 3;
    index.images.push_back(image);
  }
  index.train_images = images;
  return index;
}

std::map<int64_t, int64_t> CountImages(const std::vector<PlannedBatch>& epoch) {
  std::map<int64_t, int64_t> counts;
  for (const PlannedBatch& batch : epoch) {
    for (int64_t image : batch.images) ++counts[image];
  }
  return counts;
}

TEST(BatchSamplerTest, EveryImageIsInAnEpochAsOftenAsItRepeats) {
  const DatasetIndex index = MakeIndex(23, 4);
  const BatchSampler sampler(MakeBuckets(index).buckets, 5);
  for (int64_t epoch = 1; epoch <= 3; ++epoch) {
    const auto counts = CountImages(sampler.Epoch(epoch));
    ASSERT_EQ(counts.size(), index.images.size());
    for (const auto& [image, count] : counts) {
      EXPECT_EQ(count, index.images[image].repeats);
    }
  }
}

TEST(BatchSamplerTest, ABatchHoldsOneBucketAndIsFullButForTheLast) {
  const DatasetIndex index = MakeIndex(23, 4);
  const BucketLayout layout = MakeBuckets(index);
  const BatchSampler sampler(layout.buckets, 5);
  const std::vector<PlannedBatch> epoch = sampler.Epoch(1);
  std::map<ImageSize, int> short_batches;
  for (const PlannedBatch& batch : epoch) {
    for (int64_t image : batch.images) {
      EXPECT_EQ(layout.placements[image].bucket, batch.bucket);
    }
    if (batch.images.size() < 4) ++short_batches[batch.bucket];
  }
  for (const auto& [bucket, count] : short_batches) EXPECT_EQ(count, 1);
  EXPECT_EQ(static_cast<int64_t>(epoch.size()), sampler.batches_per_epoch());
}

TEST(BatchSamplerTest, SamplesAreNumberedThroughTheEpoch) {
  const BatchSampler sampler(MakeBuckets(MakeIndex(9, 2)).buckets, 5);
  int64_t expected = 0;
  int64_t index = 0;
  for (const PlannedBatch& batch : sampler.Epoch(2)) {
    EXPECT_EQ(batch.position.epoch, 2);
    EXPECT_EQ(batch.position.index, index++);
    EXPECT_EQ(batch.first_sample, expected);
    expected += static_cast<int64_t>(batch.images.size());
  }
  EXPECT_EQ(expected, sampler.samples_per_epoch());
}

TEST(BatchSamplerTest, OrderIsAFunctionOfSeedAndEpoch) {
  const std::vector<Bucket> buckets = MakeBuckets(MakeIndex(30, 3)).buckets;
  const auto order = [&](uint64_t seed, int64_t epoch) {
    std::vector<int64_t> images;
    for (const PlannedBatch& batch : BatchSampler(buckets, seed).Epoch(epoch)) {
      images.insert(images.end(), batch.images.begin(), batch.images.end());
    }
    return images;
  };
  EXPECT_EQ(order(1, 4), order(1, 4));
  EXPECT_NE(order(1, 4), order(1, 5));
  EXPECT_NE(order(1, 4), order(2, 4));
}

TEST(BatchSamplerTest, WithoutBucketsEveryImageGoesToTheResolution) {
  DatasetIndex index = MakeIndex(6, 2);
  index.config.datasets[0].enable_bucket = false;
  const BucketLayout layout = MakeBuckets(index);
  ASSERT_EQ(layout.buckets.size(), 1u);
  EXPECT_EQ(layout.buckets[0].size, (ImageSize{512, 512}));
  EXPECT_EQ(layout.placements[1].resized, (ImageSize{768, 512}));
}

TEST(BatchSamplerTest, ReportCountsImagesAndBatchesOfEachBucket) {
  const DatasetIndex index = MakeIndex(3, 2);
  const BucketsMade report = ReportBuckets(index, MakeBuckets(index));
  ASSERT_EQ(report.buckets.size(), 3u);
  EXPECT_EQ(report.batches_per_epoch, 1 + 1 + 2);
  int64_t images = 0;
  for (const auto& bucket : report.buckets) images += bucket.images;
  EXPECT_EQ(images, 1 + 2 + 3);
  EXPECT_EQ(report.train_images, 3);
}

}  // namespace
}  // namespace atelier::trainer
