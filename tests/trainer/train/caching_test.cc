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
