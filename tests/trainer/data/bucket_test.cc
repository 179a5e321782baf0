#include "trainer/data/bucket.h"

#include <cmath>

#include "gtest/gtest.h"

namespace atelier::trainer {
namespace {

BucketOptions Square512() { return {.resolution = {512, 512}}; }

TEST(BucketTest, NoBucketIsLargerThanTheResolution) {
  for (const ImageSize size : MakeBucketResolutions(Square512())) {
    EXPECT_LE(size.width * size.height, 512 * 512);
    EXPECT_EQ(size.width % 64, 0);
    EXPECT_EQ(size.height % 64, 0);
  }
}

TEST(BucketTest, AnImageOfExactlyABucketsSizeIsNotResized) {
  BucketSet buckets(Square512());
  const BucketChoice choice = buckets.Select({640, 384});
  EXPECT_EQ(choice.bucket, (ImageSize{640, 384}));
  EXPECT_EQ(choice.resized, (ImageSize{640, 384}));
  EXPECT_EQ(choice.aspect_error, 0);
}

TEST(BucketTest, ResizedImageCoversItsBucket) {
  BucketSet buckets(Square512());
  for (int width = 40; width < 2000; width += 97) {
    for (int height = 40; height < 2000; height += 89) {
      const BucketChoice choice = buckets.Select({width, height});
      EXPECT_GE(choice.resized.width, choice.bucket.width);
      EXPECT_GE(choice.resized.height, choice.bucket.height);
    }
  }
}

TEST(BucketTest, WithoutUpscaleASmallImageKeepsItsSize) {
  BucketOptions options = Square512();
  options.no_upscale = true;
  BucketSet buckets(options);
  const BucketChoice choice = buckets.Select({200, 130});
  EXPECT_EQ(choice.resized, (ImageSize{200, 130}));
  EXPECT_EQ(choice.bucket, (ImageSize{192, 128}));
}

TEST(BucketTest, ASideBelowOneStepHasNoAspectError) {
  BucketOptions options = Square512();
  options.no_upscale = true;
  BucketSet buckets(options);
  EXPECT_FALSE(std::isfinite(buckets.Select({300, 20}).aspect_error));
  EXPECT_FALSE(std::isfinite(buckets.Select({900000, 10}).aspect_error));
}

TEST(BucketTest, SizesAreRoundedToTheStep) {
  DatasetOptions dataset;
  dataset.width = dataset.height = 512;
  dataset.min_bucket_reso = 300;
  dataset.max_bucket_reso = 1000;
  const BucketOptions options = BucketOptionsOf(dataset);
  EXPECT_EQ(options.min_size, 256);
  EXPECT_EQ(options.max_size, 1024);
}

}  // namespace
}  // namespace atelier::trainer
