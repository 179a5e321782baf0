#include "trainer/data/latent_cache.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/trainer/data/latent_cache_fixture.h"
#include "trainer/data/loader.h"

namespace atelier::trainer {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::LatentCacheTest;

TEST_F(LatentCacheTest, LatentsHaveTheBucketsShapeAndDoNotDependOnThreads) {
  const auto alone = Make();
  ASSERT_TRUE(alone.ok()) << alone.status();
  for (size_t i = 0; i < data_.index.images.size(); ++i) {
    const ImageSize bucket = data_.layout.placements[i].bucket;
    EXPECT_EQ((*alone)->Latents(static_cast<int64_t>(i), true).sizes(),
              (std::vector<int64_t>{2, bucket.height / 8, bucket.width / 8}));
  }
  EXPECT_EQ(encoded_, 16);
  options_.threads = 4;
  const auto threaded = Make();
  ASSERT_TRUE(threaded.ok()) << threaded.status();
  ExpectSame(LatentsOf(**threaded), LatentsOf(**alone));
}

TEST_F(LatentCacheTest, ASecondRunReadsTheSameLatentsFromDisk) {
  const auto memory = Make();
  options_.to_disk = true;
  const auto first = Make();
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ((*first)->report().encoded, 8);
  EXPECT_EQ(Files().size(), 16u);
  const auto second = Make();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(encoded_, 0);
  EXPECT_EQ((*second)->report().read_from_disk, 8);
  ExpectSame(LatentsOf(**first), LatentsOf(**memory));
  ExpectSame(LatentsOf(**second), LatentsOf(**memory));
}

TEST_F(LatentCacheTest, ADamagedImageCanBeLeftOutOfCacheAndLoss) {
  std::string png = testing::ReadBytes(data_.folder() + "/d.png");
  png.replace(png.size() / 2, 60, std::string(60, 'x'));
  testing::WriteText(data_.folder() + "/d.png", png);
  options_.to_disk = true;
  EXPECT_TRUE(absl::IsDataLoss(Make().status()));
  options_.skip_corrupt_images = true;
  const auto cache = Make();
  ASSERT_TRUE(cache.ok()) << cache.status();
  EXPECT_EQ(Files().size(), 14u);
  ASSERT_EQ((*cache)->report().warnings.size(), 1u);
  EXPECT_THAT((*cache)->report().warnings[0],
              HasSubstr("d.png: image cannot be decoded"));
  Loader loader(data_.index, data_.layout, cache->get(), {});
  for (int64_t i = 0; i < loader.batches_per_epoch(); ++i) {
    const auto batch = loader.Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    for (int64_t row = 0; row < batch->size(); ++row) {
      const int64_t image = batch->image_indices[row];
      EXPECT_EQ(batch->loss_weights[row].item<float>() == 0,
                data_.index.images[image].path.ends_with("d.png"));
    }
  }
}

TEST_F(LatentCacheTest, OneFileServesEverySeed) {
  options_.to_disk = true;
  const auto first = Make();
  options_.seed = 4;
  const auto second = Make();
  EXPECT_EQ(encoded_, 0);
  EXPECT_FALSE(
      torch::equal((*first)->Latents(0, false), (*second)->Latents(0, false)));
}

TEST_F(LatentCacheTest, AnEditedImageOrAnotherEncoderIsEncodedAgain) {
  options_.to_disk = true;
  ASSERT_TRUE(Make().ok());
  testing::WritePicture(data_.folder() + "/d.png", 128, 128, 77);
  ASSERT_TRUE(Make().ok());
  EXPECT_GT(encoded_, 0);
  EXPECT_LT(encoded_, 16);
  EXPECT_EQ(Files().size(), 16u);
  options_.encoder_digest = "encoder two";
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 16);
}

TEST_F(LatentCacheTest, SkippingTheCheckTrustsFilesByName) {
  options_.to_disk = true;
  ASSERT_TRUE(Make().ok());
  testing::WritePicture(data_.folder() + "/d.png", 128, 128, 77);
  options_.skip_check = true;
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 0);
}

TEST_F(LatentCacheTest, ADamagedFileIsReplacedWithAWarning) {
  options_.to_disk = true;
  const auto before = Make();
  const fs::path victim = Files().front();
  fs::resize_file(victim, fs::file_size(victim) - 8);
  const auto after = Make();
  ASSERT_TRUE(after.ok()) << after.status();
  ASSERT_EQ((*after)->report().warnings.size(), 1u);
  EXPECT_THAT((*after)->report().warnings[0], HasSubstr(victim.string()));
  ExpectSame(LatentsOf(**after), LatentsOf(**before));
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 0);
}

TEST_F(LatentCacheTest, AFolderOfOneNameCannotBeMade) {
  options_.to_disk = true;
  testing::WriteText(data_.folder() + "/.atelier_latents", "in the way");
  const auto cache = Make();
  ASSERT_FALSE(cache.ok());
  EXPECT_THAT(std::string(cache.status().message()),
              HasSubstr(".atelier_latents"));
}

TEST_F(LatentCacheTest, LatentsThatAreNotFiniteNameTheirImage) {
  options_.to_disk = true;
  const auto cache = LatentCache::Make(
      data_.index, data_.layout, options_, [](const Tensor& x) {
        Tensor moments =
            torch::zeros({x.size(0), 4, x.size(2) / 8, x.size(3) / 8});
        moments[0][0][0][0] = NAN;
        return absl::StatusOr<Tensor>(moments);
      });
  EXPECT_EQ(cache.status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(cache.status().message()), HasSubstr("not finite"));
  EXPECT_FALSE(fs::exists(data_.folder() + "/.atelier_latents") &&
               !Files().empty());
}

TEST_F(LatentCacheTest, CachingStopsWhenAskedAndGoesOnLater) {
  options_.to_disk = true;
  options_.progress = [](int64_t done, int64_t) {
    return done >= 4 ? absl::CancelledError("stop") : absl::OkStatus();
  };
  EXPECT_TRUE(absl::IsCancelled(Make().status()));
  const size_t kept = Files().size();
  EXPECT_GE(kept, 8u);
  options_.progress = nullptr;
  ASSERT_TRUE(Make().ok());
  EXPECT_EQ(encoded_, 16 - static_cast<int64_t>(kept));
}

TEST_F(LatentCacheTest, ACorruptImageIsNamed) {
  const std::string path = data_.folder() + "/h.jpg";
  testing::WriteText(path, testing::ReadBytes(path).substr(0, 400));
  options_.threads = 2;
  EXPECT_THAT(std::string(Make().status().message()), HasSubstr("h.jpg"));
}

TEST_F(LatentCacheTest, TheLoaderHandsOutCachedLatents) {
  const auto cache = Make();
  LoaderOptions options;
  options.seed = 9;
  Loader loader(data_.index, data_.layout, cache->get(), options);
  bool saw_flipped = false;
  for (int64_t i = 0; i < loader.batches_per_epoch(); ++i) {
    const auto batch = loader.Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    EXPECT_FALSE(batch->images.defined());
    const int64_t image = batch->image_indices[0];
    const Tensor flipped = (*cache)->Latents(image, true);
    saw_flipped |= torch::equal(batch->latents[0], flipped);
  }
  EXPECT_TRUE(saw_flipped);
}

}  // namespace
}  // namespace atelier::trainer
