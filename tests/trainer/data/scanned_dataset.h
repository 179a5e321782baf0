// A generated dataset that is scanned and put into buckets, for tests.
#pragma once

#include <string>

#include "gtest/gtest.h"

#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/data/batch_sampler.h"
#include "trainer/data/dataset_index.h"

namespace atelier::trainer::testing {

class ScannedDataset {
 public:
  ScannedDataset() {
    WriteTinyDataset(folder(), EightImages());
    DatasetOptions& dataset = config.datasets.emplace_back();
    dataset.width = dataset.height = 64;
    dataset.enable_bucket = true;
    dataset.min_bucket_reso = 32;
    dataset.max_bucket_reso = 128;
    dataset.bucket_reso_steps = 16;
    dataset.batch_size = 2;
    SubsetOptions& subset = dataset.subsets.emplace_back();
    subset.image_dir = folder();
    subset.caption_extension = ".txt";
    Scan();
  }

  // Again, after `config` or the files were changed.
  void Scan() {
    auto scanned = ScanDataset(config, {});
    ASSERT_TRUE(scanned.ok()) << scanned.status();
    index = *std::move(scanned);
    layout = MakeBuckets(index);
  }

  SubsetOptions& subset() { return config.datasets[0].subsets[0]; }
  std::string folder() const { return dir_.File("images"); }

  DatasetConfig config;
  DatasetIndex index;
  BucketLayout layout;

 private:
  atelier::testing::TempDir dir_;
};

}  // namespace atelier::trainer::testing
