// Cached outputs of the encoders, and the forms of checkpoints.
#include <filesystem>

#include "tests/trainer/train/train_fixture.h"
#include "trainer/checkpoint/checkpoint_source.h"

namespace atelier::trainer {
namespace {

using testing::FileBytes;
using ::testing::HasSubstr;
using testing::TrainTest;

class CachingTest : public TrainTest {
 protected:
  v1::JobSpec UnetOnly(const std::string& output) {
    v1::JobSpec spec = Spec(output);
    v1::TrainingConfig& config = *spec.mutable_training();
    config.mutable_optimizer()->set_learning_rate_te(0);
    config.mutable_output()->set_save_state(true);
    config.mutable_run()->set_max_train_steps(3);
    return spec;
  }

  v1::DatasetOptions& DatasetOf(v1::JobSpec& spec) {
    return *spec.mutable_training()->mutable_dataset();
  }

  std::string Weights(const std::string& output) {
    return FileBytes(Out(output, "t-state/model.safetensors"));
  }
};

TEST_F(CachingTest, CachedTextsTrainTheSameWeights) {
  v1::JobSpec live = UnetOnly("live");
  ASSERT_TRUE(Run(live).ok());
  v1::JobSpec cached = UnetOnly("cached");
  DatasetOf(cached).set_cache_text_encoder_outputs_to_disk(true);
  cached.mutable_training()->mutable_sample()->add_sample_prompt(
      "a cat --w 64 --h 64 --s 2 --n a dog");
  cached.mutable_training()->mutable_sample()->set_sample_every_n_steps(2);
  const absl::Status status = Run(cached);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(events_.Of<Warning>().empty());
  EXPECT_EQ(events_.Of<SampleSaved>().size(), 1u);
  EXPECT_TRUE(Weights("cached") == Weights("live"));
  EXPECT_TRUE(std::filesystem::exists(dir_.File("data/1_thing/.atelier_text")));
  v1::JobSpec again = UnetOnly("again");
  DatasetOf(again).set_cache_text_encoder_outputs_to_disk(true);
  ASSERT_TRUE(Run(again).ok());
  EXPECT_TRUE(Weights("again") == Weights("live"));
}

TEST_F(CachingTest, CacheFormatDecidesWhichFilesAreWritten) {
  const auto files_with = [&](const std::string& ending) {
    int count = 0;
    for (const auto& entry :
         std::filesystem::directory_iterator(dir_.File("data/1_thing"))) {
      count += entry.path().string().ends_with(ending) ? 1 : 0;
    }
    return count;
  };
  v1::JobSpec live = UnetOnly("own");
  live.mutable_training()->mutable_run()->set_max_train_steps(1);
  DatasetOf(live).set_cache_latents_to_disk(true);
  ASSERT_TRUE(Run(live).ok());
  EXPECT_EQ(files_with(".npz"), 0);
  EXPECT_EQ(files_with(".atelier_latents"), 1);
  std::filesystem::remove_all(dir_.File("data/1_thing/.atelier_latents"));
  v1::JobSpec npz = UnetOnly("npz");
  npz.mutable_training()->mutable_run()->set_max_train_steps(1);
  DatasetOf(npz).set_cache_latents_to_disk(true);
  DatasetOf(npz).set_cache_format("npz");
  const absl::Status status = Run(npz);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(files_with("_sdxl.npz"), 5);
  EXPECT_EQ(files_with(".atelier_latents"), 0);
  EXPECT_TRUE(events_.Of<Warning>().empty());
  EXPECT_TRUE(Weights("npz") == Weights("own"));
}

TEST_F(CachingTest, WarmCacheFillsTheCachesAndDoesNotTrain) {
  v1::JobSpec warm = UnetOnly("warm");
  warm.mutable_training()->mutable_run()->set_warm_cache(true);
  warm.mutable_training()->mutable_run()->set_max_train_steps(1);
  DatasetOf(warm).set_cache_latents_to_disk(true);
  DatasetOf(warm).set_cache_text_encoder_outputs_to_disk(true);
  const absl::Status status = Run(warm);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(events_.Of<StepDone>().empty());
  EXPECT_FALSE(std::filesystem::exists(Out("warm", "")));
  v1::JobSpec job = warm;
  job.mutable_training()->mutable_run()->clear_warm_cache();
  events_ = {};
  ASSERT_TRUE(Run(job).ok());
  EXPECT_EQ(events_.Of<StepDone>().size(), 1u);
  std::vector<std::string> told;
  for (const PhaseProgress& phase : events_.Of<PhaseProgress>()) {
    told.push_back(phase.detail);
  }
  EXPECT_THAT(told, ::testing::Contains(HasSubstr("0 images encoded, 5 read")));
  EXPECT_THAT(told, ::testing::Contains(HasSubstr("0 captions encoded")));
}

TEST_F(CachingTest, TextsOfATrainedEncoderAreNotCached) {
  v1::JobSpec spec = Spec("out");
  DatasetOf(spec).set_cache_text_encoder_outputs(true);
  const absl::Status status = Run(spec);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("text_encoder is trained"));
}

TEST_F(CachingTest, ACkptHoldsWhatTheSafetensorsFileHolds) {
  ASSERT_TRUE(Run(UnetOnly("one")).ok());
  v1::JobSpec spec = UnetOnly("two");
  v1::OutputOptions& output = *spec.mutable_training()->mutable_output();
  output.set_save_model_as("ckpt");
  output.set_save_every_n_steps(1);
  output.set_save_last_n_steps(1);
  const absl::Status status = Run(spec);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_FALSE(std::filesystem::exists(Out("two", "t-step00000001.ckpt")));
  const auto expected = OpenCheckpoint(Out("one", "t.safetensors")).value();
  const auto found = OpenCheckpoint(Out("two", "t.ckpt")).value();
  ASSERT_EQ(found->index().size(), expected->index().size());
  for (const auto& [name, info] : expected->index()) {
    EXPECT_TRUE(found->Read(name).value().equal(expected->Read(name).value()))
        << name;
  }
}

}  // namespace
}  // namespace atelier::trainer
