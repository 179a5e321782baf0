// Options that say which images are trained and where their loss counts, in
// whole runs.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "opencv2/core.hpp"
#include "opencv2/imgcodecs.hpp"
#include "opencv2/imgproc.hpp"

#include "tests/trainer/train/train_fixture.h"

namespace atelier::trainer {
namespace {

using testing::RecordedEvents;
using testing::TrainTest;

class MaskedTrainingTest : public TrainTest {
 protected:
  v1::DatasetOptions& DatasetOf(v1::JobSpec& spec) {
    return *spec.mutable_training()->mutable_dataset();
  }

  v1::JobSpec Short(const std::string& output) {
    v1::JobSpec spec = Spec(output);
    spec.mutable_training()->mutable_run()->set_max_train_steps(2);
    return spec;
  }

  // The losses of a run.
  std::vector<double> LossesOf(const v1::JobSpec& spec) {
    events_.events.clear();
    const absl::Status status = Run(spec);
    EXPECT_TRUE(status.ok()) << status;
    std::vector<double> losses;
    for (const StepDone& step : events_.Of<StepDone>()) {
      losses.push_back(step.loss);
    }
    return losses;
  }

  BucketsMade BucketsOf(const v1::JobSpec& spec) {
    LossesOf(spec);
    const auto reports = events_.Of<BucketsMade>();
    EXPECT_EQ(reports.size(), 1u);
    return reports.empty() ? BucketsMade() : reports.front();
  }

  // Calls `change` with every picture of the job and its file's name.
  void ForEachPicture(
      const std::function<void(cv::Mat picture, const std::string& name)>&
          change) {
    for (int i = 0; i < 5; ++i) {
      const std::string name = absl::StrCat("0", i, ".png");
      change(cv::imread(dir_.File("data/1_thing/" + name)), name);
    }
  }

  // Masks of one grey for all pictures.
  void WriteMasks(uint8_t grey) {
    std::filesystem::create_directories(dir_.File("masks"));
    ForEachPicture([&](cv::Mat picture, const std::string& name) {
      ASSERT_TRUE(
          cv::imwrite(dir_.File("masks/" + name),
                      cv::Mat(picture.size(), CV_8UC1, cv::Scalar(grey))));
    });
  }

  v1::JobSpec WithMasks(const std::string& output) {
    v1::JobSpec spec = Short(output);
    DatasetOf(spec).set_masked_loss(true);
    DatasetOf(spec).set_conditioning_data_dir(dir_.File("masks"));
    return spec;
  }

  // Gives every picture this alpha; its colours stay.
  void SetAlpha(uint8_t alpha) {
    ForEachPicture([&](cv::Mat picture, const std::string& name) {
      const cv::Mat parts[] = {
          picture, cv::Mat(picture.size(), CV_8UC1, cv::Scalar(alpha))};
      cv::Mat together(picture.size(), CV_8UC4);
      cv::mixChannels(parts, 2, &together, 1,
                      std::vector<int>{0, 0, 1, 1, 2, 2, 3, 3}.data(), 4);
      ASSERT_TRUE(cv::imwrite(dir_.File("data/1_thing/" + name), together));
    });
  }
};

TEST_F(MaskedTrainingTest, WhiteMasksChangeNothingAndBlackOnesTakeTheLossAway) {
  const std::vector<double> plain = LossesOf(Short("plain"));
  WriteMasks(255);
  EXPECT_EQ(LossesOf(WithMasks("white")), plain);
  WriteMasks(0);
  for (double loss : LossesOf(WithMasks("black"))) EXPECT_EQ(loss, 0);
}

TEST_F(MaskedTrainingTest, MasksCountWithCachedLatentsToo) {
  v1::JobSpec plain = Short("plain");
  DatasetOf(plain).set_cache_latents(true);
  const std::vector<double> losses = LossesOf(plain);
  WriteMasks(51);
  v1::JobSpec grey = WithMasks("grey");
  DatasetOf(grey).set_cache_latents(true);
  const std::vector<double> masked = LossesOf(grey);
  ASSERT_EQ(masked.size(), losses.size());
  EXPECT_NEAR(masked[0], losses[0] / 5, 1e-6 * losses[0]);
}

TEST_F(MaskedTrainingTest, AlphaCountsWhereItIsAskedFor) {
  const std::vector<double> plain = LossesOf(Short("plain"));
  SetAlpha(51);
  EXPECT_EQ(LossesOf(Short("off")), plain);
  v1::JobSpec live = Short("live");
  DatasetOf(live).set_alpha_mask(true);
  EXPECT_NEAR(LossesOf(live)[0], plain[0] / 5, 1e-6 * plain[0]);
  v1::JobSpec cached = Short("cached");
  DatasetOf(cached).set_cache_latents(true);
  const double whole = LossesOf(cached)[0];
  DatasetOf(cached).set_alpha_mask(true);
  cached.mutable_training()->mutable_output()->set_output_dir(
      dir_.File("cached_masked"));
  EXPECT_NEAR(LossesOf(cached)[0], whole / 5, 1e-6 * whole);
}

TEST_F(MaskedTrainingTest, HeldOutImagesAreNotTrained) {
  v1::JobSpec spec = Short("split");
  EXPECT_EQ(BucketsOf(spec).train_images, 5);
  DatasetOf(spec).set_validation_split(0.4);
  EXPECT_EQ(BucketsOf(spec).train_images, 3);
}

TEST_F(MaskedTrainingTest, TheSeedOfTheSplitChoosesOtherImages) {
  const auto losses = [&](int64_t seed) {
    v1::JobSpec spec = Short(absl::StrCat("seed", seed));
    DatasetOf(spec).set_validation_split(0.4);
    DatasetOf(spec).set_validation_seed(seed);
    return LossesOf(spec);
  };
  EXPECT_NE(losses(1), losses(2));
}

TEST_F(MaskedTrainingTest, OneMetadataFileNamesImagesAndRepeats) {
  std::ofstream(dir_.File("meta.json"))
      << R"({"00": {"caption": "one"}, "01.png": {"tags": "two"}})";
  v1::JobSpec spec = Short("json");
  DatasetOf(spec).set_train_data_dir(dir_.File("data/1_thing"));
  DatasetOf(spec).set_in_json(dir_.File("meta.json"));
  EXPECT_EQ(BucketsOf(spec).train_images, 2);
  EXPECT_EQ(BucketsOf(spec).batches_per_epoch, 1);
  DatasetOf(spec).set_dataset_repeats(4);
  EXPECT_EQ(BucketsOf(spec).batches_per_epoch, 4);
}

TEST_F(MaskedTrainingTest, FacesAreFramed) {
  ForEachPicture([&](cv::Mat picture, const std::string& name) {
    cv::resize(picture, picture, {}, 2, 2);
    const std::string path = dir_.File("data/1_thing/") + name;
    std::filesystem::remove(path);
    ASSERT_TRUE(cv::imwrite(
        absl::StrCat(path.substr(0, path.size() - 4), "_40_40_30_30.png"),
        picture));
  });
  const std::vector<double> centred = LossesOf(Short("centred"));
  v1::JobSpec spec = Short("framed");
  DatasetOf(spec).set_face_crop_aug_range("1.0,2.0");
  EXPECT_NE(LossesOf(spec), centred);
}

}  // namespace
}  // namespace atelier::trainer
