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
