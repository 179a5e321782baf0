// Masks from files to batches. Pictures here have a red that equals their
// alpha, or their mask's red, so a mask that follows its image equals its red.
#include "trainer/data/loss_mask.h"

#include <filesystem>

#include "gtest/gtest.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/batch_maker.h"
#include "trainer/data/loader.h"
#include "trainer/data/mask_cache.h"

namespace atelier::trainer {
namespace {

uint8_t RedAt(int x, int y) {
  return static_cast<uint8_t>((x * 5 + y * 3 + (x / 7) * 40) % 256);
}

MaskCacheOptions TwoThreads() {
  MaskCacheOptions options;
  options.threads = 2;
  return options;
}

class LossMaskTest : public ::testing::Test {
 protected:
  LossMaskTest() {
    for (const char* folder : {"images", "masks"}) {
      std::filesystem::create_directory(dir_.File(folder));
    }
    DatasetOptions& dataset = config_.datasets.emplace_back();
    dataset.width = dataset.height = 64;
    dataset.batch_size = 4;
    subset_ = &dataset.subsets.emplace_back();
    subset_->image_dir = dir_.File("images");
    subset_->class_tokens = "thing";
  }

  // A picture [height, width], transparent where its red is low if asked for.
  void Write(const std::string& name, int width, int height, bool alpha) {
    cv::Mat image(height, width, alpha ? CV_8UC4 : CV_8UC3);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        uint8_t* pixel = image.ptr<uint8_t>(y) + x * image.channels();
        pixel[0] = 9;
        pixel[1] = static_cast<uint8_t>(y);
        pixel[2] = RedAt(x, y);
        if (alpha) pixel[3] = RedAt(x, y);
      }
    }
    ASSERT_TRUE(cv::imwrite(dir_.File(name), image));
  }

  void Scan() {
    auto scanned = ScanDataset(config_, {});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    index_ = *std::move(scanned);
    layout_ = MakeBuckets(index_);
  }

  Batch MakeFirst(const LatentCache* latents = nullptr,
                  const MaskCache* masks = nullptr, int64_t epoch = 1) {
    BatchMakerOptions options;
    options.seed = 5;
    options.masks = masks;
    const BatchMaker maker(index_, layout_, latents, options);
    auto batch =
        maker.Make(BatchSampler(layout_.buckets, 5).Epoch(epoch).front());
    EXPECT_TRUE(batch.ok()) << batch.status();
    return batch.ok() ? *std::move(batch) : Batch();
  }

  // Red in [0, 1], [B, 1, H, W].
  static Tensor RedOf(const Batch& batch) {
    return (batch.images.slice(1, 0, 1) + 1) / 2;
  }

  static void ExpectMaskIsRed(const Batch& batch) {
    ASSERT_TRUE(batch.loss_mask.defined());
    ASSERT_EQ(batch.loss_mask.sizes(), RedOf(batch).sizes());
    EXPECT_LT((batch.loss_mask - RedOf(batch)).abs().max().item<float>(), 1e-6);
  }

  // Latents that say nothing, of every image and its mirror image.
  std::unique_ptr<LatentCache> CacheLatents() {
    auto cache = LatentCache::Make(
        index_, layout_, {},
        [](const Tensor& images) -> absl::StatusOr<Tensor> {
          return torch::zeros(
              {images.size(0), 2, images.size(2) / 8, images.size(3) / 8});
        });
    EXPECT_TRUE(cache.ok()) << cache.status();
    return cache.ok() ? *std::move(cache) : nullptr;
  }

  atelier::testing::TempDir dir_;
  DatasetConfig config_;
  SubsetOptions* subset_;
  DatasetIndex index_;
  BucketLayout layout_;
};

TEST_F(LossMaskTest, AlphaFollowsResizingCropAndMirroring) {
  subset_->alpha_mask = true;
  subset_->flip_aug = true;
  subset_->random_crop = true;
  // One is shrunk and cropped at the sides, one enlarged and cropped below.
  Write("images/a.png", 160, 90, true);
  Write("images/b.png", 40, 52, true);
  Scan();
  for (int64_t epoch = 1; epoch <= 4; ++epoch) {
    ExpectMaskIsRed(MakeFirst(nullptr, nullptr, epoch));
  }
}

TEST_F(LossMaskTest, EveryInterpolationTreatsMaskAndImageAlike) {
  subset_->alpha_mask = true;
  Write("images/a.png", 100, 80, true);
  for (const char* name :
       {"lanczos", "nearest", "bilinear", "bicubic", "area", "box"}) {
    subset_->resize_interpolation = name;
    Scan();
    ExpectMaskIsRed(MakeFirst());
  }
}

TEST_F(LossMaskTest, APictureInAFolderOfMasksFollowsItsImage) {
  subset_->conditioning_data_dir = dir_.File("masks");
  subset_->flip_aug = true;
  subset_->random_crop = true;
  Write("images/a.png", 160, 90, false);
  Write("masks/a.bmp", 160, 90, false);
  Scan();
  for (int64_t epoch = 1; epoch <= 4; ++epoch) {
    ExpectMaskIsRed(MakeFirst(nullptr, nullptr, epoch));
  }
}

TEST_F(LossMaskTest, AlphaAndPictureAreMultiplied) {
  subset_->conditioning_data_dir = dir_.File("masks");
  subset_->alpha_mask = true;
  Write("images/a.png", 64, 64, true);
  Write("masks/a.png", 64, 64, false);
  Scan();
  const Batch batch = MakeFirst();
  const Tensor expected = RedOf(batch).square();
  EXPECT_LT((batch.loss_mask - expected).abs().max().item<float>(), 0.003);
}

TEST_F(LossMaskTest, ImagesWithoutAMaskCountEverywhere) {
  subset_->alpha_mask = true;
  Write("images/a.png", 64, 64, true);
  Write("images/b.png", 64, 64, false);
  Scan();
  const Batch batch = MakeFirst();
  const int64_t opaque = batch.image_indices[0] == 1 ? 0 : 1;
  ASSERT_EQ(batch.loss_mask.sizes(), (std::vector<int64_t>{2, 1, 64, 64}));
  EXPECT_TRUE(batch.loss_mask[opaque].eq(1).all().item<bool>());
  EXPECT_LT(batch.loss_mask[1 - opaque].min().item<float>(), 0.5);
}

TEST_F(LossMaskTest, WithoutTheOptionAlphaIsNoMask) {
  Write("images/a.png", 64, 64, true);
  Scan();
  EXPECT_FALSE(MakeFirst().loss_mask.defined());
  subset_->alpha_mask = true;
  Scan();
  EXPECT_TRUE(MakeFirst().loss_mask.defined());
}

TEST_F(LossMaskTest, CachedMasksAreTheMeansOfTheirCells) {
  subset_->alpha_mask = true;
  subset_->flip_aug = true;
  Write("images/a.png", 160, 90, true);
  Write("images/b.png", 64, 64, true);
  Scan();
  const auto latents = CacheLatents();
  const auto masks = MaskCache::Make(index_, layout_, TwoThreads());
  ASSERT_TRUE(masks.ok()) << masks.status();
  bool mirrored = false;
  for (int64_t epoch = 1; epoch <= 4; ++epoch) {
    const Batch cached = MakeFirst(latents.get(), masks->get(), epoch);
    EXPECT_FALSE(cached.images.defined());
    const Tensor pixels = MakeFirst(nullptr, nullptr, epoch).loss_mask;
    const Tensor expected = torch::avg_pool2d(pixels, 8);
    ASSERT_EQ(cached.loss_mask.sizes(), expected.sizes());
    EXPECT_LT((cached.loss_mask - expected).abs().max().item<float>(), 1e-6);
    mirrored = mirrored || !expected.equal(torch::avg_pool2d(
                               MakeFirst(nullptr, nullptr, 1).loss_mask, 8));
  }
  EXPECT_TRUE(mirrored) << "no epoch mirrored an image";
}

TEST_F(LossMaskTest, ADamagedMaskCanCountNowhere) {
  subset_->alpha_mask = true;
  Write("images/a.png", 64, 64, true);
  Write("images/b.png", 64, 64, true);
  Scan();
  const std::string path = dir_.File("images/b.png");
  std::string png = testing::ReadBytes(path);
  png.replace(png.size() / 2, 20, std::string(20, 'x'));
  testing::WriteText(path, png);
  MaskCacheOptions options = TwoThreads();
  EXPECT_TRUE(
      absl::IsDataLoss(MaskCache::Make(index_, layout_, options).status()));
  options.skip_corrupt_images = true;
  const auto masks = MaskCache::Make(index_, layout_, options);
  ASSERT_TRUE(masks.ok()) << masks.status();
  EXPECT_GT((*masks)->Mask(0, false).max().item<float>(), 0);
  EXPECT_EQ((*masks)->Mask(1, false).sizes(), (*masks)->Mask(0, false).sizes());
  EXPECT_EQ((*masks)->Mask(1, false).max().item<float>(), 0);
  EXPECT_EQ((*masks)->warnings().size(), 1u);
}

TEST_F(LossMaskTest, WithoutACacheOfMasksImagesAreDecodedForThem) {
  subset_->alpha_mask = true;
  Write("images/a.png", 64, 64, true);
  Scan();
  const auto latents = CacheLatents();
  const Batch batch = MakeFirst(latents.get());
  EXPECT_TRUE(batch.latents.defined());
  EXPECT_TRUE(batch.loss_mask.equal(MakeFirst().loss_mask));
}

TEST_F(LossMaskTest, MasksDoNotDependOnTheNumberOfThreads) {
  subset_->alpha_mask = true;
  subset_->flip_aug = true;
  subset_->random_crop = true;
  for (const char* name : {"a", "b", "c"}) {
    Write(std::string("images/") + name + ".png", 90, 70, true);
  }
  Scan();
  const auto take = [&](int threads) {
    LoaderOptions options;
    options.threads = threads;
    Loader loader(index_, layout_, nullptr, options);
    std::vector<Tensor> masks;
    for (int i = 0; i < 3; ++i) masks.push_back(loader.Next()->loss_mask);
    return torch::stack(masks);
  };
  EXPECT_TRUE(take(0).equal(take(3)));
}

TEST_F(LossMaskTest, FacesAreFramedTogetherWithTheirMasks) {
  subset_->alpha_mask = true;
  subset_->face_crop = FaceCropRange{1, 3};
  Write("images/a_150_40_50_30.png", 200, 120, true);
  Scan();
  const Batch framed = MakeFirst();
  ExpectMaskIsRed(framed);
  EXPECT_EQ(framed.geometry[0].original_width, 64);
  EXPECT_EQ(framed.geometry[0].crop_left, 0);
  EXPECT_FALSE(framed.images.equal(MakeFirst(nullptr, nullptr, 2).images))
      << "the range draws no scale";
  subset_->face_crop.reset();
  Scan();
  const Batch centred = MakeFirst();
  EXPECT_EQ(centred.geometry[0].original_width, 200);
  EXPECT_FALSE(framed.images.equal(centred.images));
}

}  // namespace
}  // namespace atelier::trainer
