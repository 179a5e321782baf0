#include "trainer/dataset_check/check_dataset.h"

#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "opencv2/imgcodecs.hpp"

#include "atelier/v1/job_spec.pb.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_dataset.h"
#include "trainer/dataset_check/file_checks.h"

namespace atelier::trainer {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class CheckDatasetTest : public ::testing::Test {
 protected:
  CheckDatasetTest() {
    testing::WriteTinyDataset(dir_.File("images"), testing::EightImages());
    testing::WriteText(dir_.File("data.toml"), R"([[datasets]]
resolution = 64
enable_bucket = true
min_bucket_reso = 32
max_bucket_reso = 128
bucket_reso_steps = 32
batch_size = 3
[[datasets.subsets]]
image_dir = "images"
caption_extension = ".txt"
num_repeats = 2
)");
    spec_.set_architecture(v1::ARCHITECTURE_SDXL);
    v1::TrainingConfig& config = *spec_.mutable_training();
    config.mutable_dataset()->set_dataset_config(dir_.File("data.toml"));
    config.mutable_run()->set_gradient_accumulation_steps(2);
    config.mutable_run()->set_max_train_epochs(5);
  }

  json Check() {
    const auto answer = CheckDataset(spec_, options_);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? json::parse(*answer) : json();
  }

  atelier::testing::TempDir dir_;
  v1::JobSpec spec_;
  DatasetCheckOptions options_;
};

TEST_F(CheckDatasetTest, BucketsBatchesAndStepsAddUp) {
  const json report = Check();
  EXPECT_EQ(report["train_images"], 8);
  int64_t samples = 0;
  int64_t batches = 0;
  for (const json& bucket : report["buckets"]) {
    const int64_t count = bucket["samples"];
    EXPECT_EQ(count, 2 * bucket["images"].get<int64_t>());
    EXPECT_EQ(bucket["batches"], (count + 2) / 3);
    EXPECT_EQ(bucket["last_batch"],
              count - 3 * (bucket["batches"].get<int64_t>() - 1));
    samples += count;
    batches += bucket["batches"].get<int64_t>();
  }
  EXPECT_EQ(samples, 16);
  const json& steps = report["steps"];
  EXPECT_EQ(steps["samples_per_epoch"], 16);
  EXPECT_EQ(steps["batches_per_epoch"], batches);
  EXPECT_EQ(steps["steps_per_epoch"], (batches + 1) / 2);
  EXPECT_EQ(steps["total_steps"], 5 * ((batches + 1) / 2));
  EXPECT_EQ(report["subsets"][0]["own_captions"], 8);
  EXPECT_TRUE(report["broken"].empty());
  EXPECT_EQ(report["decoded"], 8);
}

TEST_F(CheckDatasetTest, BrokenFilesAreListedAndTheRestIsCounted) {
  testing::WriteText(dir_.File("images/bad.png"), "no image");
  testing::WriteText(dir_.File("images/bad.txt"), "its caption");
  testing::WriteText(dir_.File("images/b.txt"), "");
  const json report = Check();
  ASSERT_EQ(report["broken"].size(), 2u);
  EXPECT_THAT(report["broken"][0]["problem"].get<std::string>(),
              HasSubstr("b.txt: caption file is empty"));
  EXPECT_EQ(report["train_images"], 7);
  // Of the missing tokenizer alone.
  EXPECT_EQ(report["warnings"].size(), 1u) << report["warnings"];
}

TEST_F(CheckDatasetTest, PicturesShowEveryBucket) {
  options_.picture_dir = dir_.File("pictures/of it");
  const json report = Check();
  ASSERT_EQ(report["pictures"].size(), 2u);
  const auto buckets = static_cast<int>(report["buckets"].size());
  const cv::Mat bars = cv::imread(report["pictures"][0].get<std::string>());
  const cv::Mat crops = cv::imread(report["pictures"][1].get<std::string>());
  ASSERT_FALSE(bars.empty());
  ASSERT_FALSE(crops.empty());
  EXPECT_GE(bars.rows, 20 * buckets);
  EXPECT_GE(crops.rows, 128 * buckets);
}

TEST_F(CheckDatasetTest, AQuickCheckDecodesNothing) {
  options_.is_quick = true;
  EXPECT_EQ(Check()["decoded"], 0);
}

TEST_F(CheckDatasetTest, ADescriptionThatCannotBeTrainedOnIsAnError) {
  testing::WriteText(dir_.File("data.toml"), "[[datasets]]\nresolutio = 64\n");
  const auto answer = CheckDataset(spec_, options_);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("resolutio"));
}

TEST_F(CheckDatasetTest, WithoutTokenizersTheRestIsReported) {
  options_.tokenizer_dir = dir_.File("none");
  const json report = Check();
  EXPECT_TRUE(report["tokens"].empty());
  ASSERT_EQ(report["warnings"].size(), 1u);
  EXPECT_THAT(report["warnings"][0].get<std::string>(),
              HasSubstr("captions are not counted in tokens"));
}

}  // namespace
}  // namespace atelier::trainer
