// A run that is stopped and resumed ends with the same bytes as one that was
// not.
#include "tests/trainer/train/train_fixture.h"

namespace atelier::trainer {
namespace {

using testing::FileBytes;
using testing::TrainTest;

struct Variant {
  std::string name;
  std::function<void(v1::TrainingConfig&)> change;
};

class ResumeTest : public TrainTest,
                   public ::testing::WithParamInterface<Variant> {};

TEST_P(ResumeTest, EndsWithTheSameBytesWhereverItWasStopped) {
  const auto job = [&](const std::string& output) {
    v1::JobSpec spec = Spec(output);
    spec.mutable_training()->mutable_output()->set_save_state(true);
    GetParam().change(*spec.mutable_training());
    return spec;
  };
  const absl::Status straight = Run(job("whole"));
  ASSERT_TRUE(straight.ok()) << straight;
  for (const int64_t steps : {1, 3, 4}) {
    const std::string output = absl::StrCat("stopped", steps);
    ASSERT_TRUE(absl::IsCancelled(RunAndStopAfter(job(output), steps)));
    const absl::Status resumed = Run(job(output), /*from_newest=*/true);
    ASSERT_TRUE(resumed.ok()) << resumed;
    for (const char* file :
         {"t.safetensors", "t-state/optimizer.safetensors"}) {
      EXPECT_TRUE(FileBytes(Out("whole", file)) == FileBytes(Out(output, file)))
          << file << " after a stop at step " << steps;
    }
  }
  EXPECT_EQ(events_.Of<Resumed>().size(), 3u);
}

INSTANTIATE_TEST_SUITE_P(
    Variants, ResumeTest,
    ::testing::Values(
        Variant{"Plain", [](v1::TrainingConfig&) {}},
        Variant{"Accumulation",
                [](v1::TrainingConfig& config) {
                  config.mutable_run()->set_gradient_accumulation_steps(2);
                }},
        Variant{"CachedLatents",
                [](v1::TrainingConfig& config) {
                  config.mutable_dataset()->set_cache_latents(true);
                }},
        Variant{"FrozenMidRun",
                [](v1::TrainingConfig& config) {
                  config.mutable_optimizer()->set_stop_text_encoder_training(3);
                }},
        Variant{"UnetOnlyBf16",
                [](v1::TrainingConfig& config) {
                  config.mutable_optimizer()->set_learning_rate_te(0);
                  config.mutable_run()->set_mixed_precision("bf16");
                }},
        Variant{"CaptionsAndFlips",
                [](v1::TrainingConfig& config) {
                  config.mutable_dataset()->set_flip_aug(true);
                  config.mutable_caption()->set_shuffle_caption(true);
                  config.mutable_caption()->set_caption_dropout_rate(0.5);
                  config.mutable_loss()->set_noise_offset(0.1);
                }}),
    [](const auto& variant) { return variant.param.name; });

TEST_F(TrainTest, AStateOfAnotherRunIsRefusedByName) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_steps(1);
  spec.mutable_training()->mutable_output()->set_save_state(true);
  ASSERT_TRUE(Run(spec).ok());
  v1::JobSpec other = Spec("other");
  other.mutable_training()->mutable_run()->set_seed(7);
  other.mutable_training()->mutable_run()->set_resume(Out("out", "t-state"));
  const absl::Status status = Run(other);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("seed"));
}

TEST_F(TrainTest, AChangeIsNamedWithBothValuesAndPassesOnlyWhenAllowed) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_steps(1);
  spec.mutable_training()->mutable_output()->set_save_state(true);
  ASSERT_TRUE(Run(spec).ok());
  v1::JobSpec other = Spec("other");
  v1::RunOptions& run = *other.mutable_training()->mutable_run();
  run.set_max_train_steps(2);  // lengths may change
  run.set_resume(Out("out", "t-state"));
  other.mutable_training()->mutable_optimizer()->set_learning_rate(2e-3);
  const absl::Status refused = Run(other);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              ::testing::HasSubstr("learning_rate from 0.001 to 0.002"));
  EXPECT_THAT(std::string(refused.message()),
              ::testing::HasSubstr("allow_changed = [\"learning_rate\"]"));
  for (const char* allowed : {"learning_rate", "options"}) {
    run.clear_allow_changed();
    run.add_allow_changed(allowed);
    events_.events.clear();
    const absl::Status status = Run(other);
    ASSERT_TRUE(status.ok()) << status;
    ASSERT_EQ(events_.Of<Warning>().size(), 1u);
    EXPECT_THAT(events_.Of<Warning>()[0].message,
                ::testing::HasSubstr("learning_rate from 0.001 to 0.002"));
  }
}

TEST_F(TrainTest, AnotherBaseModelOrDatasetIsRefusedByItsDigest) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_steps(1);
  spec.mutable_training()->mutable_output()->set_save_state(true);
  ASSERT_TRUE(Run(spec).ok());
  v1::JobSpec other = Spec("other");
  v1::RunOptions& run = *other.mutable_training()->mutable_run();
  run.set_max_train_steps(2);
  run.set_resume(Out("out", "t-state"));
  // The same files elsewhere are the same.
  std::filesystem::copy(dir_.File("data"), dir_.File("moved"),
                        std::filesystem::copy_options::recursive);
  v1::DatasetOptions& dataset = *other.mutable_training()->mutable_dataset();
  dataset.set_train_data_dir(dir_.File("moved"));
  ASSERT_TRUE(Run(other).ok());
  ASSERT_TRUE(testing::WriteTinyImages(dir_.File("more/1_thing"), 6).ok());
  dataset.set_train_data_dir(dir_.File("more"));
  testing::TinyModelOptions tiny;
  tiny.seed = 9;
  ASSERT_TRUE(
      testing::WriteTinyStableDiffusion(dir_.File("other.safetensors"), tiny)
          .ok());
  other.mutable_training()->mutable_model()->set_pretrained_model_name_or_path(
      dir_.File("other.safetensors"));
  const absl::Status refused = Run(other);
  EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
  EXPECT_THAT(
      std::string(refused.message()),
      ::testing::HasSubstr("allow_changed = [\"base_model\", \"dataset\"]"));
  run.add_allow_changed("base_model");
  run.add_allow_changed("dataset");
  const absl::Status status = Run(other);
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(TrainTest, AveragesBeginAnewWhereTheChangeIsAllowed) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_run()->set_max_train_steps(2);
  spec.mutable_training()->mutable_output()->set_save_state(true);
  ASSERT_TRUE(Run(spec).ok());
  v1::JobSpec other = Spec("other");
  v1::RunOptions& run = *other.mutable_training()->mutable_run();
  run.set_resume(Out("out", "t-state"));
  run.set_ema_decay("0.9");
  EXPECT_TRUE(absl::IsInvalidArgument(Run(other)));
  run.add_allow_changed("ema_decay");
  const absl::Status status = Run(other);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(std::filesystem::exists(Out("other", "t-ema0.9.safetensors")));
}

TEST_F(TrainTest, ADamagedStateIsPassedOverForTheOneBefore) {
  v1::JobSpec spec = Spec("out");
  spec.mutable_training()->mutable_output()->set_save_state(true);
  spec.mutable_training()->mutable_output()->set_save_every_n_steps(2);
  ASSERT_TRUE(absl::IsCancelled(RunAndStopAfter(spec, 4)));
  std::filesystem::resize_file(
      Out("out", "t-step00000004-state/model.safetensors"), 100);
  ASSERT_TRUE(Run(spec, /*from_newest=*/true).ok());
  ASSERT_EQ(events_.Of<Resumed>().size(), 1u);
  EXPECT_THAT(events_.Of<Resumed>()[0].path,
              ::testing::HasSubstr("t-step00000002-state"));
}

}  // namespace
}  // namespace atelier::trainer
