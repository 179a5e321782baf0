#include "proto/cc/options_validate.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proto/cc/options_from_flags.h"
#include "proto/cc/options_schema.h"
#include "tests/proto/violations.h"

namespace atelier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::TrainingConfig ConfigWith(const std::vector<std::string>& flags) {
  v1::TrainingConfig config;
  config.mutable_model()->set_pretrained_model_name_or_path("/m.safetensors");
  config.mutable_dataset()->set_dataset_config("/d.toml");
  EXPECT_THAT(OptionsFromFlags(flags, "/", &config), IsEmpty());
  return config;
}

struct RuleCase {
  std::string name;
  std::vector<std::string> flags;
  // The option blamed; empty: nothing is.
  std::string option;
};

void PrintTo(const RuleCase& rule, std::ostream* out) { *out << rule.name; }

class RuleTest : public ::testing::TestWithParam<RuleCase> {};

TEST_P(RuleTest, BlamesTheOptionThatIsToBeChanged) {
  const auto violations =
      ValidateTraining(v1::ARCHITECTURE_SD1, ConfigWith(GetParam().flags));
  if (GetParam().option.empty()) {
    EXPECT_THAT(Messages(violations), IsEmpty());
  } else {
    EXPECT_THAT(Fields(violations),
                ElementsAre(FindOption(GetParam().option)->path))
        << ::testing::PrintToString(Messages(violations));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rules, RuleTest,
    ::testing::Values(
        RuleCase{"PlainJob", {}, ""},
        RuleCase{"CachingAlone", {"--cache_latents", "--flip_aug"}, ""},
        RuleCase{"CachingAndColour",
                 {"--cache_latents", "--color_aug"},
                 "color_aug"},
        RuleCase{"CachingToDiskAndCrop",
                 {"--cache_latents_to_disk", "--random_crop"},
                 "random_crop"},
        RuleCase{"ConstantWithWarmup",
                 {"--lr_warmup_steps", "10"},
                 "lr_warmup_steps"},
        RuleCase{"ConstantWithZeroWarmup", {"--lr_warmup_steps", "0%"}, ""},
        RuleCase{"CosineWithWarmup",
                 {"--lr_warmup_steps", "10%", "--lr_scheduler", "cosine"},
                 ""},
        RuleCase{"BrokenWarmup",
                 {"--lr_warmup_steps", "ten", "--lr_scheduler", "cosine"},
                 "lr_warmup_steps"},
        RuleCase{
            "BucketSteps", {"--bucket_reso_steps", "36"}, "bucket_reso_steps"},
        RuleCase{"BucketOrder",
                 {"--min_bucket_reso", "512", "--max_bucket_reso", "256"},
                 "min_bucket_reso"},
        RuleCase{"BrokenResolution", {"--resolution", "512x512"}, "resolution"},
        RuleCase{"LastEpochsAlone",
                 {"--save_last_n_epochs", "1"},
                 "save_last_n_epochs"},
        RuleCase{"LastEpochs",
                 {"--save_last_n_epochs", "1", "--save_every_n_epochs", "1"},
                 ""},
        RuleCase{"LastStepsAlone",
                 {"--save_last_n_steps", "1"},
                 "save_last_n_steps"},
        RuleCase{
            "LastStepStates",
            {"--save_last_n_steps_state", "1", "--save_every_n_steps", "1"},
            "save_last_n_steps_state"},
        RuleCase{"AdaptiveNoiseAlone",
                 {"--adaptive_noise_scale", "0.1"},
                 "adaptive_noise_scale"},
        RuleCase{"AdaptiveNoise",
                 {"--adaptive_noise_scale", "0.1", "--noise_offset", "0.1"},
                 ""},
        RuleCase{"TimestepOrder",
                 {"--min_timestep", "500", "--max_timestep", "500"},
                 "min_timestep"},
        RuleCase{"MasksWithoutMaskedLoss",
                 {"--conditioning_data_dir", "/m"},
                 "conditioning_data_dir"},
        RuleCase{"FaceCropRange",
                 {"--face_crop_aug_range", "4,2"},
                 "face_crop_aug_range"},
        RuleCase{"OptimizerArgForm",
                 {"--optimizer_args", "weight_decay"},
                 "optimizer_args"},
        RuleCase{"OptimizerArgTwice",
                 {"--optimizer_args", "a=1", "a=2"},
                 "optimizer_args"},
        RuleCase{
            "OutputNameWithSlash", {"--output_name", "../x"}, "output_name"},
        RuleCase{
            "EmptySeparator", {"--caption_separator="}, "caption_separator"}),
    [](const auto& rule) { return rule.param.name; });

struct FamilyRule {
  const char* name;
  v1::Architecture architecture;
  std::vector<std::string> flags;
  const char* option;  // that is at fault; empty: none
};

class FamilyRules : public ::testing::TestWithParam<FamilyRule> {};

TEST_P(FamilyRules, NameTheOptionAtFault) {
  const std::vector<Violation> found =
      ValidateTraining(GetParam().architecture, ConfigWith(GetParam().flags));
  if (*GetParam().option == '\0') {
    EXPECT_THAT(found, IsEmpty());
  } else {
    ASSERT_EQ(found.size(), 1u);
    EXPECT_THAT(found[0].field, ::testing::EndsWith(GetParam().option));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, FamilyRules,
    ::testing::Values(
        FamilyRule{"ScaleNeedsV",
                   v1::ARCHITECTURE_SD2,
                   {"--scale_v_pred_loss_like_noise_pred"},
                   "scale_v_pred_loss_like_noise_pred"},
        FamilyRule{
            "Scale",
            v1::ARCHITECTURE_SD2,
            {"--scale_v_pred_loss_like_noise_pred", "--v_parameterization"},
            ""},
        FamilyRule{"LikeVBesideV",
                   v1::ARCHITECTURE_SDXL,
                   {"--v_pred_like_loss", "0.2", "--v_parameterization"},
                   "v_pred_like_loss"},
        FamilyRule{"SnrOfAFlow",
                   v1::ARCHITECTURE_SD3,
                   {"--loss_type", "huber", "--huber_schedule", "snr"},
                   "huber_schedule"},
        FamilyRule{"HuberOfAFlow",
                   v1::ARCHITECTURE_FLUX,
                   {"--loss_type", "huber"},
                   ""},
        FamilyRule{"ShiftOfAnother",
                   v1::ARCHITECTURE_FLUX,
                   {"--timestep_sampling", "nextdit_shift"},
                   "timestep_sampling"},
        FamilyRule{"CachedAndTrained",
                   v1::ARCHITECTURE_SDXL,
                   {"--cache_text_encoder_outputs", "--train_text_encoder"},
                   "cache_text_encoder_outputs"},
        FamilyRule{"CachedT5",
                   v1::ARCHITECTURE_SD3,
                   {"--use_t5xxl_cache_only", "--train_text_encoder"},
                   ""},
        FamilyRule{
            "T5Alone", v1::ARCHITECTURE_SD3, {"--train_t5xxl"}, "train_t5xxl"},
        FamilyRule{"SwapAndOffload",
                   v1::ARCHITECTURE_FLUX,
                   {"--blocks_to_swap", "2", "--cpu_offload_checkpointing"},
                   "cpu_offload_checkpointing"},
        FamilyRule{"TooFewBlockRates",
                   v1::ARCHITECTURE_SDXL,
                   {"--block_lr", "1,2"},
                   "block_lr"}),
    [](const auto& rule) { return rule.param.name; });

TEST(OptionsValidateTest, ASourceOfImagesIsNeeded) {
  v1::TrainingConfig config =
      ConfigWith({"--train_data_dir", "/t", "--resolution", "512"});
  EXPECT_THAT(ValidateTraining(v1::ARCHITECTURE_SD1, config), IsEmpty());
  config.mutable_dataset()->clear_dataset_config();
  EXPECT_THAT(ValidateTraining(v1::ARCHITECTURE_SD1, config), IsEmpty());
  config.mutable_dataset()->clear_train_data_dir();
  EXPECT_THAT(Fields(ValidateTraining(v1::ARCHITECTURE_SD1, config)),
              ElementsAre("training.dataset.dataset_config"));
}

TEST(OptionsValidateTest, FolderNeedsAResolutionWithinTheBuckets) {
  v1::TrainingConfig config = ConfigWith({"--train_data_dir", "/t"});
  config.mutable_dataset()->clear_dataset_config();
  EXPECT_THAT(Fields(ValidateTraining(v1::ARCHITECTURE_SD1, config)),
              ElementsAre("training.dataset.resolution"));
  config.mutable_dataset()->set_resolution("128,2048");
  config.mutable_dataset()->set_enable_bucket(true);
  EXPECT_THAT(Fields(ValidateTraining(v1::ARCHITECTURE_SD1, config)),
              ElementsAre("training.dataset.min_bucket_reso",
                          "training.dataset.max_bucket_reso"));
}

TEST(OptionsValidateTest, RequiredOptionIsMissed) {
  v1::TrainingConfig config = ConfigWith({});
  config.mutable_model()->clear_pretrained_model_name_or_path();
  EXPECT_THAT(Messages(ValidateTraining(v1::ARCHITECTURE_SD1, config)),
              ElementsAre("pretrained_model_name_or_path must be given"));
}

TEST(OptionsValidateTest, OptionOfAnotherArchitectureIsRefused) {
  EXPECT_THAT(Messages(ValidateTraining(v1::ARCHITECTURE_FLUX,
                                        ConfigWith({"--min_snr_gamma", "5"}))),
              ElementsAre(HasSubstr(
                  "min_snr_gamma is not an option of flux; it is one of")));
}

TEST(OptionsValidateTest, ValuesThatCameOverTheWireAreCheckedAgain) {
  v1::TrainingConfig config = ConfigWith({});
  config.mutable_optimizer()->set_learning_rate(-1);
  config.mutable_run()->set_mixed_precision("fp64");
  config.mutable_run()->set_max_train_steps(0);
  EXPECT_THAT(Fields(ValidateTraining(v1::ARCHITECTURE_SD1, config)),
              ElementsAre("training.run.max_train_steps",
                          "training.run.mixed_precision",
                          "training.optimizer.learning_rate"));
}

TEST(OptionsValidateTest, JobsOwnFieldsAreChecked) {
  v1::JobSpec spec;
  *spec.mutable_training() = ConfigWith({});
  EXPECT_THAT(Fields(ValidateJobSpec(spec)), ElementsAre("architecture"));
  spec.set_architecture(v1::ARCHITECTURE_SD1);
  EXPECT_THAT(ValidateJobSpec(spec), IsEmpty());
  spec.set_name(std::string(129, 'x'));
  spec.set_max_attempts(-1);
  spec.mutable_stop_grace()->set_seconds(-1);
  spec.mutable_devices()->set_count(-1);
  (*spec.mutable_labels())["bad key"] = "v";
  (*spec.mutable_labels())["key"] = "a\nb";
  EXPECT_THAT(
      Fields(ValidateJobSpec(spec)),
      ::testing::UnorderedElementsAre("name", "max_attempts", "stop_grace",
                                      "devices.count", "labels", "labels.key"));
}

TEST(OptionsValidateTest, ResourcesAreChecked) {
  v1::JobSpec spec;
  *spec.mutable_training() = ConfigWith({});
  spec.set_architecture(v1::ARCHITECTURE_SD1);
  spec.mutable_devices()->set_type(v1::DEVICE_TYPE_GPU);
  spec.mutable_devices()->set_model("a100");
  spec.mutable_time_limit()->set_nanos(1);
  EXPECT_THAT(ValidateJobSpec(spec), IsEmpty());
  spec.mutable_time_limit()->set_nanos(0);
  EXPECT_THAT(Fields(ValidateJobSpec(spec)), ElementsAre("time_limit"));
  spec.clear_time_limit();
  spec.mutable_devices()->set_model("a\"100");
  EXPECT_THAT(Fields(ValidateJobSpec(spec)), ElementsAre("devices.model"));
  spec.mutable_devices()->set_model("a100");
  spec.mutable_devices()->set_type(v1::DEVICE_TYPE_CPU);
  EXPECT_THAT(Fields(ValidateJobSpec(spec)), ElementsAre("devices"));
}

TEST(OptionsValidateTest, OptionWithoutEffectIsSaid) {
  const auto warnings = OptionWarnings(
      v1::ARCHITECTURE_SD1,
      ConfigWith({"--huber_c", "0.2", "--sample_at_first", "--max_train_epochs",
                  "2", "--max_train_steps", "5"}));
  EXPECT_THAT(
      warnings,
      ElementsAre("huber_c has no effect without loss_type huber or smooth_l1",
                  "sample_at_first has no effect without sample_prompts or "
                  "sample_prompt",
                  "max_train_steps is overruled by max_train_epochs"));
  EXPECT_THAT(OptionWarnings(v1::ARCHITECTURE_SD1, ConfigWith({})), IsEmpty());
}

TEST(OptionsValidateTest, NoOptionOnlyWarnsAboutItsDefault) {
  v1::TrainingConfig filled = ConfigWith({});
  FillDefaults(v1::ARCHITECTURE_SD1, &filled);
  EXPECT_THAT(ValidateTraining(v1::ARCHITECTURE_SD1, filled), IsEmpty());
}

}  // namespace
}  // namespace atelier
