// A dataset and a stand-in for the autoencoder, for tests of cached latents.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "tests/trainer/data/scanned_dataset.h"
#include "trainer/data/latent_cache.h"

namespace atelier::trainer::testing {

class LatentCacheTest : public ::testing::Test {
 protected:
  LatentCacheTest() {
    options_.seed = 3;
    options_.vae_batch_size = 2;
    options_.encoder_digest = "encoder one";
    data_.subset().flip_aug = true;
    data_.Scan();
  }

  // Two latent channels: means of red and green over each cell; the deviation
  // is e^-1.
  absl::StatusOr<Tensor> Encode(const Tensor& images) {
    encoded_ += images.size(0);
    const Tensor mean = torch::avg_pool2d(images, 8).slice(1, 0, 2);
    return torch::cat({mean, torch::full_like(mean, -2)}, 1);
  }

  absl::StatusOr<std::unique_ptr<LatentCache>> Make() {
    encoded_ = 0;
    return LatentCache::Make(data_.index, data_.layout, options_,
                             [this](const Tensor& x) { return Encode(x); });
  }

  std::vector<Tensor> LatentsOf(const LatentCache& cache) {
    std::vector<Tensor> all;
    for (size_t i = 0; i < data_.index.images.size(); ++i) {
      all.push_back(cache.Latents(static_cast<int64_t>(i), false));
      all.push_back(cache.Latents(static_cast<int64_t>(i), true));
    }
    return all;
  }

  void ExpectSame(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(torch::equal(a[i], b[i])) << "latents " << i;
    }
  }

  std::vector<std::filesystem::path> Files() {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(
             data_.folder() + "/.atelier_latents")) {
      files.push_back(entry.path());
    }
    return files;
  }

  ScannedDataset data_;
  LatentCacheOptions options_;
  int64_t encoded_ = 0;
};

}  // namespace atelier::trainer::testing
